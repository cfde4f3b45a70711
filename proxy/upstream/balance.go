package upstream

import (
	"math"
	"time"

	"usher/proxy/config"
)

const (
	// unit is the share of an endpoint of weight 1.
	unit = 1000
	// slowest is the part of its share that an endpoint begins with when it
	// starts slowly.
	slowest = 0.05
)

// weigh sets what share of the upstream's sessions m is to get now: what its
// weight says, but less while it starts slowly. The upstream's mu is held.
func (m *member) weigh(now time.Time, slow time.Duration) {
	share := float64(m.weight * unit)
	if since := now.Sub(m.health.warm); slow > 0 && !m.health.warm.IsZero() && since < slow {
		share *= max(slowest, float64(since)/float64(slow))
	}
	m.share = max(int(share), 1)
}

// choose balances among able, which is not empty, by their shares. The caller
// holds mu.
func (u *Upstream) choose(able []*member, key string) *member {
	switch {
	case len(able) == 1:
		return able[0]
	case key != "":
		return byHash(able, key)
	case u.balance == config.LeastSessions:
		return inTurn(leastUsed(able))
	case u.balance == config.Random2:
		return u.lessUsedOfTwo(able)
	}
	return inTurn(able)
}

// inTurn is smooth weighted round robin: each gains its share, and who has most
// is chosen and pays for all. So one of weight 2 is not chosen twice in a row
// where that can be avoided.
func inTurn(able []*member) *member {
	var best *member
	all := 0
	for _, m := range able {
		m.turn += m.share
		all += m.share
		if best == nil || m.turn > best.turn {
			best = m
		}
	}
	best.turn -= all
	return best
}

// leastUsed leaves of able those that are used least, for their share. It works
// in place.
func leastUsed(able []*member) []*member {
	least := able[:1]
	for _, m := range able[1:] {
		switch d := m.Use()*least[0].share - least[0].Use()*m.share; {
		case d < 0:
			least = append(able[:0], m)
		case d == 0:
			least = append(least, m)
		}
	}
	return least
}

// lessUsedOfTwo draws twice, by shares, and takes that which is used less. It
// may draw the same twice: otherwise the lesser of two would get nothing as
// long as both are idle. Unlike leastUsed it does not send everybody to the one
// that is empty.
func (u *Upstream) lessUsedOfTwo(able []*member) *member {
	a, b := draw(able, u.settings.random()), draw(able, u.settings.random())
	if b.Use()*a.share < a.Use()*b.share {
		return b
	}
	return a
}

// draw returns the member at random, which is in [0, 1), of all shares.
func draw(able []*member, random float64) *member {
	all := 0
	for _, m := range able {
		all += m.share
	}
	at := int(random * float64(all))
	for _, m := range able {
		if at -= m.share; at < 0 {
			return m
		}
	}
	return able[len(able)-1]
}

// byHash is rendezvous hashing: each endpoint draws a number for the key, and
// the highest wins, its share being taken into account. When an endpoint comes,
// only what it wins moves; when one goes, only what it had. The numbers are the
// same in every usher.
func byHash(able []*member, key string) *member {
	var best *member
	var highest float64
	for _, m := range able {
		score := float64(m.share) / -math.Log(uniform(key, m.Identity))
		if best == nil || score > highest {
			best, highest = m, score
		}
	}
	return best
}

// uniform spreads pairs of texts evenly over (0, 1): FNV-1a, whose bits are
// then mixed, as its high ones are not random enough.
func uniform(key, identity string) float64 {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	for i := range len(key) {
		h = (h ^ uint64(key[i])) * prime
	}
	h *= prime // a NUL between the two
	for i := range len(identity) {
		h = (h ^ uint64(identity[i])) * prime
	}
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	h ^= h >> 31
	return (float64(h>>11) + 0.5) / (1 << 53)
}
