package upstream

import (
	"time"

	"usher/proxy/config"
)

// usual is how many endpoints most upstreams have at most.
const usual = 8

// pick chooses an endpoint that is not in t. Of those that fail, one is let
// through from time to time; and if all fail, it is that whose turn to be tried
// comes first, as to try is better than to refuse.
func (u *Upstream) pick(now time.Time, t *Tries) (*Endpoint, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	var room [usual]*member
	able := room[:0]
	var failing *member
	var soonest time.Time
	for i := range u.members {
		m := &u.members[i]
		if t.has(m.Endpoint) {
			continue
		}
		ok, retry := m.admits(now)
		if ok {
			able = append(able, m)
		} else if !retry.IsZero() && (failing == nil || retry.Before(soonest)) {
			failing, soonest = m, retry
		}
	}
	switch {
	case len(able) > 0:
		best := u.choose(able)
		best.try(now)
		return best.Endpoint, nil
	case failing != nil:
		return failing.Endpoint, nil
	}
	return nil, t.or(ErrNoEndpoint)
}

// admits reports whether e may be chosen. retry is when it may be at the
// soonest, if its circuit is what speaks against it.
func (e *Endpoint) admits(now time.Time) (ok bool, retry time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch s := e.health.state(); {
	case s == CircuitOpen:
		return !now.Before(e.health.until), e.health.until
	default:
		return s.chosen(), time.Time{}
	}
}

// try notes that e is chosen.
func (e *Endpoint) try(now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.health.try(now)
}

// choose balances among able, which is not empty. The caller holds mu.
func (u *Upstream) choose(able []*member) *member {
	if u.balance == config.LeastSessions {
		able = leastUsed(able)
	}
	return inTurn(able)
}

// inTurn is smooth weighted round robin: each gains its weight, and who has
// most is chosen and pays for all. So one of weight 2 is not chosen twice in a
// row where that can be avoided.
func inTurn(able []*member) *member {
	var best *member
	all := 0
	for _, m := range able {
		m.turn += m.weight
		all += m.weight
		if best == nil || m.turn > best.turn {
			best = m
		}
	}
	best.turn -= all
	return best
}

// leastUsed leaves of able those that are used least, for their weight. It
// works in place.
func leastUsed(able []*member) []*member {
	least := able[:1]
	for _, m := range able[1:] {
		switch d := m.Use()*least[0].weight - least[0].Use()*m.weight; {
		case d < 0:
			least = append(able[:0], m)
		case d == 0:
			least = append(least, m)
		}
	}
	return least
}
