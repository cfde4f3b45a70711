package certs

import (
	"sync"
	"time"
)

// Lookups for a challenge that another process has begun: an authority asks
// from a handful of places at once.
const (
	lookupRate  = 5.0 // a second
	lookupBurst = 20.0
)

// bucket bounds how often something is done for strangers.
type bucket struct {
	rate, burst float64

	// guarded by mu
	mu   sync.Mutex
	left float64
	last time.Time
}

func newBucket(rate, burst float64) *bucket {
	return &bucket{rate: rate, burst: burst, left: burst}
}

// take says whether it may be done now.
func (b *bucket) take(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.last.IsZero() {
		b.left = min(b.burst, b.left+b.rate*now.Sub(b.last).Seconds())
	}
	b.last = now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}
