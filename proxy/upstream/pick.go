package upstream

import (
	"errors"
	"time"
)

// What keeps a session or request from every endpoint.
var (
	// ErrNoEndpoint means that no endpoint of the upstream may be used, or that
	// each was tried.
	ErrNoEndpoint = errors.New("upstream has no endpoint to use")
	// ErrFull means that those which may be used have all the sessions that
	// they may have.
	ErrFull = errors.New("upstream has max_sessions on each endpoint")
)

// usual is how many endpoints most upstreams have at most.
const usual = 8

// choice is what pick looks for.
type choice struct {
	session bool   // not a plain request
	key     string // of the client, for hashing
	tries   *Tries // what not to choose
}

// pick chooses an endpoint and counts its use. Of those that fail, one is let
// through from time to time; and if all fail, it is that whose turn to be tried
// comes first, as to try is better than to refuse.
func (u *Upstream) pick(now time.Time, c choice) (*Endpoint, error) {
	if u.holds(now, c.tries) {
		return nil, ErrHeld
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if e := c.owner(); e != nil {
		e.count(c.session)
		return e, nil
	}
	var room [usual]*member
	able := room[:0]
	var failing, broken *member
	none := ErrNoEndpoint
	for i := range u.members {
		m := &u.members[i]
		s := m.stand(now, u.slowStart)
		switch full := c.session && m.full(); {
		case s == shut:
		case !c.tries.may(m.Endpoint):
			if u.hold > 0 && c.tries.broken == m.Endpoint && !full {
				broken = m
			}
		case full:
			none = ErrFull
		case s == open:
			able = append(able, m)
		case failing == nil || m.retry.Before(failing.retry):
			failing = m
		}
	}
	best := failing
	if len(able) > 0 {
		if best = c.tries.preferred(able); best == nil {
			best = u.choose(able, c.key)
		}
		best.try(now)
	}
	if best == nil && broken != nil {
		if now.Before(c.tries.rests) {
			return nil, ErrHeld
		}
		best, c.tries.broken = broken, nil
	}
	if best == nil {
		return nil, c.tries.or(none)
	}
	best.count(c.session)
	return best.Endpoint, nil
}

// owner returns the endpoint that alone can answer, whatever its state is, as
// no session is begun there: what is asked for is a plain request, or the
// upgrade of a session that it surely has. nil if there is none.
func (c choice) owner() *Endpoint {
	t := c.tries
	if !t.must || c.session && !t.sure || t.has(t.to) {
		return nil
	}
	return t.to
}

// standing is how an endpoint stands to those who look for one.
type standing uint8

const (
	shut   standing = iota // it may not be used
	broken                 // its circuit is open, until retry
	open
)

// stand tells how m stands now, and sets its share. The upstream's mu is held.
func (m *member) stand(now time.Time, slow time.Duration) standing {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.weigh(now, slow)
	m.retry = m.health.until
	switch s := m.health.state(); {
	case s.chosen() || s == CircuitOpen && !now.Before(m.retry):
		return open
	case s == CircuitOpen:
		return broken
	}
	return shut
}

// full tells whether m may have no more sessions. During a reload, two
// upstreams may choose at once and give it one more each.
func (m *member) full() bool { return m.max > 0 && m.Sessions() >= m.max }

func (e *Endpoint) count(session bool) {
	if session {
		e.sessions.Add(1)
	} else {
		e.requests.Add(1)
	}
}

// try notes that e is chosen.
func (e *Endpoint) try(now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.health.try(now)
}
