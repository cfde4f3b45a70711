package admin

import (
	"net"
	"sync"
	"time"
)

const (
	// maxGuesses wrong tokens of one address in guessTime are answered; then none
	// of it are looked at until that is over.
	maxGuesses = 10
	guessTime  = 10 * time.Second
	// maxGuessers addresses are told apart; all others count as one.
	maxGuessers = 1000
)

// guesses counts who shows wrong tokens. The zero value is ready.
type guesses struct {
	mu sync.Mutex
	by map[string]*guesser // by address; guarded by mu
}

type guesser struct {
	since time.Time
	wrong int
}

// allowed tells whether a token of peer may be looked at.
func (g *guesses) allowed(peer string, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.allows(peer, now)
}

// allows is allowed under mu.
func (g *guesses) allows(peer string, now time.Time) bool {
	for _, key := range []string{hostOf(peer), others} {
		if one := g.by[key]; one != nil && now.Sub(one.since) < guessTime && one.wrong >= maxGuesses {
			return key == others && g.by[hostOf(peer)] != nil // who has an account of its own is not one of them
		}
	}
	return true
}

// try notes a guess of peer, if it may be looked at.
func (g *guesses) try(peer string, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.allows(peer, now) {
		return false
	}
	one := g.of(hostOf(peer), now)
	if now.Sub(one.since) >= guessTime {
		one.since, one.wrong = now, 0
	}
	one.wrong++
	return true
}

// right takes a guess of peer back, which was none.
func (g *guesses) right(peer string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	one := g.by[hostOf(peer)]
	if one == nil {
		one = g.by[others]
	}
	if one != nil && one.wrong > 0 {
		one.wrong--
	}
}

// others is where those are counted for whom there is no room.
const others = "others"

func (g *guesses) of(key string, now time.Time) *guesser {
	if one := g.by[key]; one != nil {
		return one
	}
	if g.by == nil {
		g.by = make(map[string]*guesser)
	}
	if len(g.by) >= maxGuessers {
		for k, one := range g.by {
			if now.Sub(one.since) >= guessTime {
				delete(g.by, k)
			}
		}
	}
	if len(g.by) >= maxGuessers && key != others {
		return g.of(others, now)
	}
	one := &guesser{since: now}
	g.by[key] = one
	return one
}

// hostOf is a peer without its port; those by a unix socket are one.
func hostOf(peer string) string {
	host, _, err := net.SplitHostPort(peer)
	if err != nil {
		return ""
	}
	return host
}
