package demux

import (
	"bytes"
	"time"
)

// Moment is a time in a State: how long after the moment at which that was taken,
// negative for before. The clocks of two processes have nothing else in common.
// It is nil for a time that there is not.
type Moment *time.Duration

// moment returns the Moment of t, 0 for none.
func moment(t, now time.Duration) Moment {
	if t == 0 {
		return nil
	}
	d := t - now
	return &d
}

// State is a session as data, with which another process goes on. Services stand
// by their names, since the other process may number them otherwise.
//
// It holds what proves who the client is. Fields may come and go with the
// versions of usher; what one version does not know has its zero value.
type State struct {
	Mode    string       `json:",omitempty"` // "" for starting
	Spoken  bool         `json:",omitempty"`
	Alien   bool         `json:",omitempty"`
	Asked   bool         `json:",omitempty"`
	Joined  bool         `json:",omitempty"`
	Spaces  []SpaceState `json:",omitempty"`
	Legs    []LegState   `json:",omitempty"` // by number
	Group   GroupState   `json:",omitzero"`  // from the client
	Early   []HeldState  `json:",omitempty"`
	SID     string       `json:",omitempty"`
	Connect RateState    `json:",omitzero"`
	Beat    BeatState    `json:",omitzero"`
}

// SpaceState is a namespace of a session.
type SpaceState struct {
	Name       string
	Leg        int // -1 for none
	State      string
	Pending    uint8       `json:",omitempty"`
	Sent       bool        `json:",omitempty"`
	Long       bool        `json:",omitempty"`
	Unanswered uint8       `json:",omitempty"`
	Since      Moment      `json:",omitempty"`
	Until      Moment      `json:",omitempty"`
	Keep       bool        `json:",omitempty"`
	Code       uint16      `json:",omitempty"`
	Connects   []HeldState `json:",omitempty"`
	Packets    []HeldState `json:",omitempty"`
	Stored     []byte      `json:",omitempty"`
	PID        string      `json:",omitempty"`
	Tail       []byte      `json:",omitempty"`
}

// LegState is a leg of a session. One without a state is a number that stands
// for nothing.
type LegState struct {
	State      string        `json:",omitempty"`
	Service    string        `json:",omitempty"`
	Eager      bool          `json:",omitempty"`
	Pinged     bool          `json:",omitempty"`
	Short      uint8         `json:",omitempty"`
	Attempts   uint16        `json:",omitempty"`
	Prefer     string        `json:",omitempty"`
	Tag        string        `json:",omitempty"`
	Joined     Moment        `json:",omitempty"`
	Heard      Moment        `json:",omitempty"`
	Due        Moment        `json:",omitempty"`
	Interval   time.Duration `json:",omitempty"` // this long, as is Timeout
	Timeout    time.Duration `json:",omitempty"`
	MaxPayload int           `json:",omitempty"`
	AsksBase   uint64        `json:",omitempty"`
	AsksNext   uint64        `json:",omitempty"`
	Group      GroupState    `json:",omitzero"`
}

// GroupState is a packet with attachments that has not come completely.
type GroupState struct {
	Left  int32       `json:",omitempty"`
	Skip  bool        `json:",omitempty"`
	Parts []HeldState `json:",omitempty"`
}

// HeldState is a message that waits.
type HeldState struct {
	Binary bool   `json:",omitempty"`
	More   bool   `json:",omitempty"`
	Data   []byte `json:",omitempty"`
}

// RateState is what the client has used of its rate of CONNECTs.
type RateState struct {
	Tokens float64 `json:",omitempty"`
	At     Moment  `json:",omitempty"`
}

// BeatState is the heartbeat with the client.
type BeatState struct {
	Began    Moment `json:",omitempty"`
	Heard    Moment `json:",omitempty"`
	Due      Moment `json:",omitempty"`
	Sent     Moment `json:",omitempty"`
	Waiting  bool   `json:",omitempty"`
	Extended bool   `json:",omitempty"`
}

// The names of states and modes, by their numbers here.
var (
	modeNames  = [...]string{starting: "", routing: "routing", opaque: "opaque"}
	spaceNames = [...]string{connecting: "connecting", open: "open", rejoining: "rejoining", left: "left"}
	legNames   = [...]string{legFree: "", legDialling: "dialling", legOpening: "opening", legPausing: "pausing", legOpen: "open", legLeaving: "leaving"}
)

// State returns the session as it is at now. It must not be over.
func (s *Session) State(now time.Duration) State {
	st := State{
		Mode: modeNames[s.mode], Spoken: s.spoken, Alien: s.alien, Asked: s.asked, Joined: s.joined,
		Group: s.in.export(), Early: s.early.export(), SID: s.sid,
		Connect: RateState{s.rate.tokens, moment(s.rate.at, now)},
		Beat:    s.beat.export(now),
	}
	for i := range s.spaces {
		st.Spaces = append(st.Spaces, s.spaces[i].export(now))
	}
	for i := range s.legs {
		st.Legs = append(st.Legs, s.exportLeg(i, now))
	}
	return st
}

func (b *beat) export(now time.Duration) BeatState {
	return BeatState{moment(b.began, now), moment(b.heard, now), moment(b.due, now), moment(b.sent, now), b.waiting, b.extended}
}

func (sp *space) export(now time.Duration) SpaceState {
	st := SpaceState{
		Name: sp.name, Leg: int(sp.leg), State: spaceNames[sp.state], Pending: sp.pending, Sent: sp.sent,
		Long: sp.long, Unanswered: sp.unanswered, Since: moment(sp.since, now),
		Until: moment(sp.until, now), Keep: sp.keep, Code: sp.code,
	}
	if w := sp.wait; w != nil {
		st.Connects, st.Packets, st.Stored = w.connects.export(), w.packets.export(), bytes.Clone(w.stored)
		st.PID, st.Tail = w.pid, bytes.Clone(w.tail)
	}
	return st
}

func (s *Session) exportLeg(leg int, now time.Duration) LegState {
	l := &s.legs[leg]
	if l.state == legFree {
		return LegState{}
	}
	return LegState{
		State: legNames[l.state], Service: s.service(leg).Name, Eager: l.eager, Pinged: l.pinged,
		Short: l.short, Attempts: l.attempts, Prefer: l.prefer, Tag: l.tag,
		Joined: moment(l.joined, now), Heard: moment(l.heard, now), Due: moment(l.due, now), Interval: l.interval, Timeout: l.timeout, MaxPayload: l.maxPayload,
		AsksBase: l.asks.base, AsksNext: l.asks.next, Group: l.in.export(),
	}
}

func (g *group) export() GroupState { return GroupState{g.left, g.skip, g.parts.export()} }

func (t *stash) export() (list []HeldState) {
	m := new(Message)
	for rest := t.buf; len(rest) > 0; {
		rest = next(rest, m)
		list = append(list, HeldState{m.Binary, m.More, bytes.Clone(m.Head)})
	}
	return list
}
