package relay

import (
	"time"

	"usher/proxy/session"
	"usher/proxy/ws"
)

// pair is a session and its two legs.
//
// It is in one of three states:
//
//   - relaying: neither leg has ended; end is nil.
//   - closing: end says why. Close frames are on their way, and what is left
//     is cut at end.cutAt.
//   - over: both sockets are closed, and the session has ended.
type pair struct {
	// static after adoption
	session *session.Session
	options *Options
	legs    [2]leg // by side
	pingID  uint64 // payload of usher's own pings, so that their pongs are known; 0 before the first
	release func() // called once when over

	// relaying
	passed time.Duration   // when a frame last passed, either way
	spent  *session.Bucket // what the client has used of its rate

	leave *leave // nil unless usher is to end it
	end   *end   // nil while relaying

	timer // when the loop looks at the pair again
}

// end is why and how a pair ends.
type end struct {
	cause session.Cause
	err   error
	code  ws.Code       // the first close code either way
	cutAt time.Duration // when what is left is closed without more ado

	partBy time.Duration // when the upstream is closed if it does not close first; 0 while it is not its turn
}

// farewell is the content of a Close frame of usher's own.
type farewell struct {
	code   ws.Code
	reason string
}

// serve moves what can be moved from and to a leg.
func (p *pair) serve(lp *loop, ready *line) {
	l := &p.legs[ready.side]
	if l.is(closed | vacated) {
		return
	}
	if l.backlogged() {
		lp.flush(&l.line)
		if l.moved == lp.now {
			p.passed = lp.now
		}
	}
	lp.pump(l)
	lp.settle(p)
}

func (p *pair) closing() bool { return p.end != nil }

func (p *pair) over() bool { return p.legs[client].is(closed) && p.legs[upstream].is(closed) }
