package demux

import (
	"math/rand/v2"
	"slices"
	"time"

	"usher/proxy/engineio"
)

// leg is a connection to an upstream, or the wish for one.
//
// It is in one of these states:
//
//   - free: the number stands for nothing.
//   - dialling: the caller was told to dial.
//   - opening: it is connected; the upstream's open packet has not come.
//   - pausing: a dial has failed, and is repeated when due.
//   - open: namespaces are joined through it, or will be.
//   - leaving: open, but the upstream has disconnected the client from all of
//     its namespaces. Until due it may show whether it closes as well.
type leg struct {
	state    legState
	eager    bool // the handshake waits for it
	pinged   bool // EIO3: a pong is due
	gen      incarnation
	service  int16
	attempts uint16 // dials since a namespace was last joined
	prefer   string // tag of the endpoint that the client came from
	tag      string // of the endpoint it is connected to, or was last

	heard             time.Duration
	due               time.Duration
	interval, timeout time.Duration // of the upstream's heartbeat
	maxPayload        int           // of the upstream, 0 if it has not said

	in group
}

type legState uint8

const (
	legFree legState = iota
	legDialling
	legOpening
	legPausing
	legOpen
	legLeaving
)

const (
	firstPause = 50 * time.Millisecond
	maxPause   = time.Second
	// leavePause is how long an upstream may take from its last DISCONNECT to
	// its close.
	leavePause = 500 * time.Millisecond
)

// legFor returns the leg to a service. If there was none, it has to be dialled.
func (s *Session) legFor(service int) (n int, dial bool) {
	free := -1
	for i := range s.legs {
		l := &s.legs[i]
		switch {
		case l.state == legFree:
			free = i
		case int(l.service) == service:
			if l.state == legLeaving {
				l.state = legOpen
			}
			return i, false
		}
	}
	if free < 0 {
		s.legs = append(s.legs, leg{})
		free = len(s.legs) - 1
	}
	s.legs[free] = leg{state: legDialling, service: int16(service)}
	return free, true
}

func (s *Session) hasLeg(service int) bool {
	for i := range s.legs {
		if s.legs[i].state != legFree && int(s.legs[i].service) == service {
			return true
		}
	}
	return false
}

func (s *Session) liveLegs() (n int) {
	for i := range s.legs {
		if s.legs[i].state != legFree {
			n++
		}
	}
	return n
}

// service returns what the configuration says of a leg's upstream.
func (s *Session) service(leg int) *Service { return &s.config.Services[s.legs[leg].service] }

// needed tells whether a namespace or the handshake needs the leg.
func (s *Session) needed(leg int) bool {
	if s.mode == opaque || s.legs[leg].eager && s.mode == starting {
		return true
	}
	for i := range s.spaces {
		if sp := &s.spaces[i]; sp.state != left && int(sp.leg) == leg {
			return true
		}
	}
	return false
}

// dial opens a leg.
func (s *Session) dial(leg int) {
	l := &s.legs[leg]
	l.state, l.due = legDialling, 0
	s.effects.Dial(leg, Target{Service: int(l.service), Prefer: l.prefer, Avoid: l.tag})
}

// dialEager dials what the handshake waits for.
func (s *Session) dialEager() {
	if s.config.Opaque {
		s.eager(s.config.Fallback)
		return
	}
	root := -1
	if s.version == engineio.V3 {
		if root = s.config.root(); root >= 0 {
			leg := s.eager(root)
			s.add(space{name: "/", leg: int16(leg), since: s.now, pending: 1})
		}
	}
	for i := range s.config.Services {
		if s.config.Services[i].Eager && i != root {
			s.eager(i)
		}
	}
}

func (s *Session) eager(service int) (leg int) {
	leg, _ = s.legFor(service)
	s.legs[leg].eager = true
	s.dial(leg)
	return leg
}

// LegUp says that a leg has its 101. Tag names the endpoint.
func (s *Session) LegUp(now time.Duration, leg int, tag string) {
	s.now = now
	if !s.legIn(leg, legDialling) {
		return
	}
	l := &s.legs[leg]
	l.state, l.tag = legOpening, tag
	l.heard, l.due = now, now+s.config.OpenTimeout
	s.schedule()
}

// legIn tells whether the leg is in one of these states.
func (s *Session) legIn(leg int, states ...legState) bool {
	if s.mode == over || leg < 0 || leg >= len(s.legs) {
		return false
	}
	return slices.Contains(states, s.legs[leg].state)
}

// LegFailed says that a leg could not be opened: no connection, no answer in
// time, or an answer that another endpoint would not give.
func (s *Session) LegFailed(now time.Duration, leg int) {
	s.now = now
	if s.legIn(leg, legDialling, legOpening) {
		s.legFailed(leg)
		s.schedule()
	}
}

// LegRefused says that the upstream has answered a leg's handshake with this
// status and text. 400, 401 and 403 are its word; others are as LegFailed.
func (s *Session) LegRefused(now time.Duration, leg int, status int, text string) {
	s.now = now
	if !s.legIn(leg, legDialling, legOpening) {
		return
	}
	switch {
	case status != 400 && status != 401 && status != 403:
		s.legFailed(leg)
	case s.mode == starting && s.legs[leg].eager:
		s.refuse(status, text)
	case s.mode == opaque:
		s.end(LegRefused, nil)
	default:
		s.legRefused(leg, text)
	}
	s.schedule()
}

func (s *Session) legFailed(leg int) {
	l := &s.legs[leg]
	l.in.drop(s.effects)
	l.attempts++
	endpoints := max(1, s.service(leg).Endpoints)
	switch {
	case !s.needed(leg):
		l.free()
	case s.mode == starting && l.eager && int(l.attempts) >= endpoints:
		s.refuse(503, textUnavailable)
	case s.mode == opaque && int(l.attempts) >= endpoints:
		s.end(LegLost, nil)
	default:
		s.dialAgain(leg, int(l.attempts)-endpoints)
	}
}

// dialAgain repeats a dial: at once while there are endpoints that were not
// tried (tried is negative), then with growing pauses.
func (s *Session) dialAgain(leg, tried int) {
	s.stats.Retries.Add(1)
	if tried < 0 {
		s.dial(leg)
		return
	}
	pause := min(maxPause, firstPause<<min(tried, 10))
	// Spread, so that the clients of an upstream do not come back as one.
	pause -= rand.N(pause / 4)
	l := &s.legs[leg]
	l.state, l.due = legPausing, s.now+pause
}

// closeLeg closes a leg, whatever it is doing.
func (s *Session) closeLeg(leg int) {
	l := &s.legs[leg]
	paused := l.state == legPausing // and so the caller has none
	l.in.drop(s.effects)
	l.free()
	if !paused {
		s.effects.CloseLeg(leg)
	}
}

// leave closes a leg that has lost its last namespace.
func (s *Session) leave(leg int, byUpstream bool) {
	if leg < 0 || s.mode == over || s.needed(leg) {
		return
	}
	if l := &s.legs[leg]; byUpstream && s.config.PropagateHardClose && l.state == legOpen {
		l.in.drop(s.effects)
		l.state, l.due = legLeaving, s.now+leavePause
		return
	}
	s.closeLeg(leg)
}

// free makes the number stand for nothing.
func (l *leg) free() { *l = leg{} }
