package demux

import (
	"math/rand/v2"
	"time"

	"usher/proxy/engineio"
)

// Pauses between dials of a leg.
const (
	firstPause = 50 * time.Millisecond
	maxPause   = time.Second
	// maxShortPause is for an upstream that takes its clients and loses them
	// again: a dial that succeeds costs it more than one that fails. Clients that
	// connect again by themselves wait as long.
	maxShortPause = 5 * time.Second
)

// steadyLeg is how long a leg lasts that says nothing against dialling at once
// when it is lost.
const steadyLeg = 10 * time.Second

// dial opens a leg.
func (s *Session) dial(leg int) {
	l := &s.legs[leg]
	l.state, l.due = legDialling, 0
	to := Target{Service: int(l.service), Prefer: l.prefer, Avoid: l.tag}
	if to.Prefer != "" && to.Prefer == to.Avoid {
		to.Avoid = ""
	}
	s.effects.Dial(leg, to)
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

// LegFailed says that a leg could not be opened: no connection, no answer in
// time, or an answer that another endpoint would not give.
func (s *Session) LegFailed(now time.Duration, leg int) {
	s.now = now
	if s.legIn(leg, legDialling, legOpening) {
		s.legFailed(leg, nil)
		s.schedule()
	}
}

// legFailed goes on without a leg that did not open. Err is as in End.
func (s *Session) legFailed(leg int, err error) {
	l := &s.legs[leg]
	l.in.drop(s.effects)
	l.attempts++
	endpoints := max(1, s.service(leg).Endpoints)
	switch {
	case !s.needed(leg):
		l.free()
	case s.mode == starting && l.eager && int(l.attempts) >= endpoints:
		s.refuse(Refusal{Status: 503, Text: textUnavailable}, err)
	case s.mode == opaque && int(l.attempts) >= endpoints:
		s.end(LegLost, err)
	default:
		s.dialAgain(leg, int(l.attempts)-endpoints, maxPause)
	}
}

// dialAgain repeats a dial: at once while there are endpoints that were not
// tried (tried is negative), then with pauses that grow up to most.
func (s *Session) dialAgain(leg, tried int, most time.Duration) {
	s.stats.Retries.Add(1)
	if tried < 0 {
		s.dial(leg)
		return
	}
	pause := min(most, firstPause<<min(tried, 10))
	// Spread, so that the clients of an upstream do not come back as one.
	pause -= rand.N(pause / 4)
	l := &s.legs[leg]
	l.state, l.due = legPausing, s.now+pause
}
