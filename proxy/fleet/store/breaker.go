package store

import (
	"math/rand/v2"
	"sync"
	"time"
)

const (
	breakAfter = 3 // calls in a row without an answer
	firstPause = 250 * time.Millisecond
	lastPause  = 5 * time.Second
)

// breaker holds calls back that would have no answer. Open, it lets one through
// after a pause, which grows.
type breaker struct {
	// guarded by mu
	mu       sync.Mutex
	failures int       // in a row
	first    time.Time // of them
	pause    time.Duration
	next     time.Time // when a call is let through; zero while it is closed
	trying   bool      // one is under way
}

// allow tells whether a call may be made now. Whoever may calls one of pass, fail
// and drop behind it.
func (b *breaker) allow(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next.IsZero() {
		return true
	}
	if b.trying || now.Before(b.next) {
		return false
	}
	b.trying = true
	return true
}

// pass notes an answer, and returns for how long there was none, if calls were
// held back.
func (b *breaker) pass(now time.Time) (away time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.next.IsZero() {
		away = now.Sub(b.first)
	}
	b.failures, b.first, b.pause, b.next, b.trying = 0, time.Time{}, 0, time.Time{}, false
	return away
}

// fail notes that there was no answer, and tells whether calls are held back
// from now on.
func (b *breaker) fail(now time.Time) (opened bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures++; b.failures == 1 {
		b.first = now
	}
	if b.failures < breakAfter {
		return false
	}
	opened = b.next.IsZero()
	if !opened && !b.trying {
		return false // it began before
	}
	b.pause = min(max(2*b.pause, firstPause), lastPause)
	// Jitter: many nodes lose the same Redis at the same moment.
	b.next = now.Add(b.pause/2 + rand.N(b.pause/2))
	b.trying = false
	return opened
}

// drop notes a call whose caller has gone: it tells nothing.
func (b *breaker) drop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trying = false
}

// since returns when the calls without an answer began, if any is held back.
func (b *breaker) since() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next.IsZero() {
		return time.Time{}
	}
	return b.first
}
