package handshake

import "sync/atomic"

// Counters count for the handlers of one server. The zero value is ready.
type Counters struct {
	claims     atomic.Uint64
	duplicates atomic.Uint64
}

// Stats is what was counted since a server began.
type Stats struct {
	Claims          uint64
	DuplicateClaims uint64 // always 0, or usher is broken
}

// Stats returns the numbers.
func (c *Counters) Stats() Stats {
	return Stats{Claims: c.claims.Load(), DuplicateClaims: c.duplicates.Load()}
}
