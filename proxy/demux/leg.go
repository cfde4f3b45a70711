package demux

import (
	"slices"
	"time"
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
	eager    bool  // the handshake waits for it
	pinged   bool  // EIO3: a pong is due
	short    uint8 // legs in a row that were lost soon after a namespace was joined
	service  int16
	attempts uint16 // dials since a leg last lasted, or a namespace was joined by one that may
	prefer   string // tag of the endpoint that the client came from
	tag      string // of the endpoint it is connected to, or was last

	joined            time.Duration // when a namespace was first joined through it, 0 for never
	heard             time.Duration
	due               time.Duration
	interval, timeout time.Duration // of the upstream's heartbeat
	maxPayload        int           // of the upstream, 0 if it has not said

	asks questions
	in   group
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

// leavePause is how long an upstream may take from its last DISCONNECT to its
// close.
const leavePause = 500 * time.Millisecond

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

// legIn tells whether the leg is in one of these states.
func (s *Session) legIn(leg int, states ...legState) bool {
	if s.mode == over || leg < 0 || leg >= len(s.legs) {
		return false
	}
	return slices.Contains(states, s.legs[leg].state)
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
