package refusal

import (
	"sync"
	"time"

	"usher/proxy/session"
)

// Kind is what is counted and sampled apart. There are few of them.
type Kind struct {
	Route  string // of the routes file, "" for none
	Reason string // of a fixed set
}

// Of a kind, so many refusals have a line of their own in a spell, which begins
// with the first of them. The others are told as a number at the spell's end.
const (
	most  = 10
	spell = time.Second
)

// tally counts refusals. Its zero value is ready.
type tally struct {
	mu    sync.Mutex
	kinds map[Kind]*kind // guarded by mu, what it holds too
	due   map[Kind]line  // that the rest of a kind is told with; guarded by mu
}

type kind struct {
	count uint64
	began time.Time // the spell
	lines int       // in it
	left  uint64    // in it and since, without a line; of these nobody was told yet
}

// count counts a refusal that has no line.
func (t *tally) count(k Kind) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.of(k).count++
}

// totals returns how many refusals of each kind there were.
func (t *tally) totals() map[Kind]uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	totals := make(map[Kind]uint64, len(t.kinds))
	for k, n := range t.kinds {
		totals[k] = n.count
	}
	return totals
}

// take counts a refusal at now, and says whether it has a line. Behind the first
// that has none, the rest is to be told: wait is in what time.
func (t *tally) take(now time.Time, k Kind) (line bool, wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.of(k)
	n.count++
	if now.Sub(n.began) >= spell {
		n.began, n.lines = now, 0
	}
	if n.lines < most {
		n.lines++
		return true, 0
	}
	if n.left++; n.left == 1 {
		wait = n.began.Add(spell).Sub(now)
	}
	return false, wait
}

// rest returns how many of a kind have had no line since it was last asked. The
// caller holds mu.
func (t *tally) rest(k Kind) (left uint64) {
	n := t.of(k)
	left, n.left = n.left, 0
	return left
}

// of returns where k is counted. The caller holds mu.
func (t *tally) of(k Kind) *kind {
	k = session.Apart(t.kinds, k, Kind{session.Other, k.Reason})
	n := t.kinds[k]
	if n == nil {
		if t.kinds == nil {
			t.kinds = make(map[Kind]*kind)
		}
		n = new(kind)
		t.kinds[k] = n
	}
	return n
}
