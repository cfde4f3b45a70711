package session

import "time"

// Drain says how usher ends sessions in good order: with a Close frame each,
// not all at the same instant, since their clients will come back.
type Drain struct {
	Cause  Cause
	Code   uint16        // of the Close frames
	Reason string        // likewise
	Over   time.Duration // the Close frames are spread over this time, or less if the sessions are few
	Until  time.Time     // what is left then is cut
}

// widest is how far apart two Close frames are at most. Whoever stops a usher
// with a handful of sockets does not wait for the whole of Over.
const widest = 50 * time.Millisecond

// Gap returns the time between the Close frames of n sessions.
func (d *Drain) Gap(n int) time.Duration {
	return min(d.Over/time.Duration(max(n, 1)), widest)
}
