package demux

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"usher/proxy/engineio"
	"usher/proxy/socketio"
)

// Restore returns the session whose state was taken, by whatever version of
// usher, to go on from now. In the place of the legs that st shows as open,
// opening or being dialled the caller has its own. An error says what in st
// cannot be; then nothing is kept.
func Restore(c *Config, stats *Stats, v engineio.Version, st State, now time.Duration, fx Effects) (*Session, error) {
	s := New(c, stats, v, fx)
	s.now = now
	s.spoken, s.alien, s.asked, s.joined, s.sid = st.Spoken, st.Alien, st.Asked, st.Joined, st.SID
	s.rate = bucket{min(st.Connect.Tokens, float64(c.ConnectBurst)), s.at(st.Connect.At)}
	s.beat = s.restoreBeat(&st.Beat)
	if err := s.restore(&st); err != nil {
		s.Close()
		return nil, fmt.Errorf("demux: state of a session: %w", err)
	}
	s.schedule()
	return s, nil
}

// What cannot be in a State.
var (
	errMode     = errors.New("unknown mode")
	errFallback = errors.New("no leg to the fallback that it depends on")
	errService  = errors.New("unknown service")
	errTwoLegs  = errors.New("two legs to a service")
	errLegState = errors.New("unknown state of a leg")
	errLegBeat  = errors.New("leg without a heartbeat")
	errAsks     = errors.New("questions out of order")
	errSpace    = errors.New("unknown state of a namespace")
	errSpaceLeg = errors.New("namespace without its leg")
	errTwice    = errors.New("namespace stands twice")
	errStored   = errors.New("stored CONNECT is none")
	errHeld     = errors.New("packets out of order")
)

func (s *Session) restore(st *State) error {
	switch at := slices.Index(modeNames[:], st.Mode); {
	case at < 0:
		return errMode
	case (mode(at) == opaque || st.Alien) && s.config.Fallback < 0:
		return errFallback
	default:
		s.mode = mode(at)
	}
	for i := range st.Legs {
		if err := s.restoreLeg(&st.Legs[i]); err != nil {
			return err
		}
	}
	if s.mode == opaque && !s.hasLeg(s.config.Fallback) {
		return errFallback
	}
	for i := range st.Spaces {
		if err := s.restoreSpace(&st.Spaces[i]); err != nil {
			return err
		}
	}
	s.keep(&s.early, st.Early)
	return s.restoreGroup(&s.in, &st.Group)
}

// farTime is longer than anything lasts here.
const farTime = 10 * 365 * 24 * time.Hour

// at returns the time of m, which is never 0 if there is one.
func (s *Session) at(m Moment) time.Duration {
	if m == nil {
		return 0
	}
	return cmp.Or(s.now+min(max(*m, -farTime), farTime), -1)
}

func (s *Session) restoreBeat(b *BeatState) beat {
	return beat{s.at(b.Began), s.at(b.Heard), s.at(b.Due), s.at(b.Sent), b.Waiting, b.Extended}
}

func (s *Session) restoreLeg(st *LegState) error {
	if st.State == "" {
		s.legs = append(s.legs, leg{})
		return nil
	}
	state := slices.Index(legNames[:], st.State)
	service := slices.IndexFunc(s.config.Services, func(c Service) bool { return c.Name == st.Service })
	switch {
	case state < 0:
		return errLegState
	case service < 0:
		return fmt.Errorf("%w %q", errService, st.Service)
	case s.hasLeg(service):
		return errTwoLegs
	case legState(state) >= legOpen && (st.Interval <= 0 || st.Timeout <= 0):
		return errLegBeat
	case st.AsksBase > st.AsksNext || st.AsksNext > maxID+1:
		return errAsks
	}
	l := leg{
		state: legState(state), eager: st.Eager, pinged: st.Pinged, short: st.Short, service: int16(service),
		attempts: st.Attempts, prefer: st.Prefer, tag: st.Tag,
		joined: s.at(st.Joined), heard: s.at(st.Heard), due: s.at(st.Due), interval: min(st.Interval, farTime), timeout: min(st.Timeout, farTime),
		maxPayload: max(0, st.MaxPayload), asks: questions{st.AsksBase, st.AsksNext},
	}
	s.legs = append(s.legs, l)
	return s.restoreGroup(&s.legs[len(s.legs)-1].in, &st.Group)
}

func (s *Session) restoreGroup(g *group, st *GroupState) error {
	switch {
	case st.Left < 0, st.Left == 0 && len(st.Parts) > 0, st.Skip && len(st.Parts) > 0:
		return errHeld
	case st.Left == 0 || st.Skip:
	case len(st.Parts) == 0 || !begins(&st.Parts[0]):
		return errHeld
	}
	g.left, g.skip = st.Left, st.Skip
	for i := range st.Parts {
		m := st.Parts[i].message()
		m.More = true
		g.parts.add(s.effects, m)
	}
	return nil
}

func (s *Session) restoreSpace(st *SpaceState) error {
	state := spaceState(slices.Index(spaceNames[:], st.State)) // 255 for none
	served := st.Leg >= 0 && st.Leg < len(s.legs) && s.legs[st.Leg].state != legFree
	virtual := st.Leg == -1 && state == open && s.version == engineio.V3
	switch {
	case state > left:
		return errSpace
	case st.Leg < -1 || int(int16(st.Leg)) != st.Leg, state != left && !served && !virtual:
		return errSpaceLeg
	case slices.ContainsFunc(s.spaces, func(sp space) bool { return sp.name == st.Name }):
		return errTwice
	case len(st.Stored) > 0 && !s.joins(st.Stored):
		return errStored
	case !whole(st.Packets):
		return errHeld
	}
	name := st.Name
	if d, ok := s.config.rules.find([]byte(name)); ok { // so that there is one copy of it
		name = d.name
	}
	s.spaces = append(s.spaces, space{
		name: name, leg: int16(st.Leg), state: state, pending: st.Pending, sent: st.Sent,
		long: st.Long, unanswered: st.Unanswered, since: s.at(st.Since),
		until: s.at(st.Until), keep: st.Keep, code: st.Code,
	})
	s.restoreWait(&s.spaces[len(s.spaces)-1], st)
	return nil
}

func (s *Session) restoreWait(sp *space, st *SpaceState) {
	if len(st.Connects) == 0 && len(st.Packets) == 0 && st.Stored == nil && st.PID == "" {
		return
	}
	w := sp.waiting()
	s.keep(&w.connects, st.Connects)
	s.keep(&w.packets, st.Packets)
	w.stored, w.pid = st.Stored, st.PID
	w.tail = st.Tail[max(0, len(st.Tail)-maxTail):]
	s.held += len(w.stored)
}

// keep is hold for what was held already, within the bounds of that time.
func (s *Session) keep(t *stash, list []HeldState) {
	for i := range list {
		m := list[i].message()
		t.add(s.effects, m)
		s.held += m.cost()
		s.heldCount++
	}
}

func (h *HeldState) message() *Message {
	m := text(h.Data)
	m.Binary, m.More = h.Binary, h.More
	return m
}

// begins tells whether a packet may begin with h.
func begins(h *HeldState) bool {
	_, _, err := socketio.ParseHeader(h.Data, true)
	return err == nil && !h.Binary
}

// whole tells whether list is packets, the last of them complete.
func whole(list []HeldState) bool {
	inside := false
	for i := range list {
		if !inside && !begins(&list[i]) {
			return false
		}
		inside = list[i].More
	}
	return !inside
}

// joins tells whether p is a CONNECT that an upstream would take.
func (s *Session) joins(p []byte) bool {
	h, _, err := socketio.ParseHeader(p, true)
	return err == nil && h.Type == socketio.Connect && (s.version != engineio.V4 || socketio.ValidConnectData(p[h.Data:]))
}
