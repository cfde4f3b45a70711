package relay

import (
	"time"

	"usher/proxy/session"
	"usher/proxy/ws"
)

// strand is one WebSocket of a fan: its client's, one that its client probes,
// or a leg's. Other than the legs of a pair it knows messages: each is given
// to the fan as a whole, by what came of it in one piece or was put together.
type strand struct {
	line
	fan     *fan
	number  int         // of a leg, -1 otherwise
	tag     string      // of its endpoint
	to      session.Leg // where it goes
	release func()      // called once when the socket is closed; nil for nothing
	gone    func() bool // whether its endpoint is not served any more; nil for no
	passed  *legTraffic // counts a leg's frames, nil for none

	// from it
	check ws.Checker
	parts *parts        // of the message that has begun; nil if none has, or if it came in one piece so far
	rest  *rest         // waits to be looked at; nil if nothing does
	muted time.Duration // since when s is not read although it could be; 0 if it is

	// to it
	out    []byte        // what goes out at the end of the turn; the loop's, nil if nothing
	b64    bool          // no binary messages are sent to it
	window uint8         // permessage-deflate was agreed, with so many bits; 0 if not
	dirty  bool          // it is in the loop's list of those with out
	probed bool          // as a probe: its ping was answered
	cutAt  time.Duration // when it is closed without more ado, once it was told its end
}

// parts is a message that came in pieces.
type parts struct {
	bytes  []byte // unmasked
	binary bool
	packed bool    // compressed
	key    [4]byte // of the current frame
	at     int     // where in the frame
}

func newStrand(f *fan, s side, number int) *strand {
	st := &strand{fan: f, number: number}
	st.user, st.side, st.socket = st, s, noSocket
	return st
}

// rules is what frames from s must obey.
func (s *strand) rules() ws.Rules {
	r := s.options().rules(s.side)
	r.Deflate = s.window > 0
	return r
}

func (s *strand) options() *Options {
	if s.side == client {
		return s.fan.options.Client
	}
	return s.fan.options.Upstream
}

// writeTimeout is how long s may take nothing of what waits for it.
func (s *strand) writeTimeout() time.Duration {
	if t := s.options().WriteTimeout; t > 0 {
		return t
	}
	return s.fan.options.Demux.PingTimeout
}

func (s *strand) serve(lp *loop, _ *line) {
	if s.is(closed | vacated) {
		return
	}
	if s.backlogged() {
		before := s.waits()
		lp.flush(&s.line)
		if s.backlogged() && s.waits() < before && s.number >= 0 && !s.fan.congested() {
			s.fan.freed(lp, s) // there is room enough
		}
	}
	s.pump(lp)
	s.fan.settle()
}

// pump reads from s while there is something to read and room for it.
func (s *strand) pump(lp *loop) {
	if s.rest != nil {
		if s.mute(lp) {
			return
		}
		if s.resume(lp); s.rest != nil {
			return
		}
	}
	for range lp.reads {
		if !s.is(readable) || s.is(finished|closed) || s.mute(lp) {
			return
		}
		lp.read(&s.line)
	}
	if s.is(readable) && !s.is(finished|closed) && !s.mute(lp) {
		lp.postpone(&s.line)
	}
}

// mute tells whether s must not be read now. What it has begun may take longer
// by the time for which that was so.
func (s *strand) mute(lp *loop) bool {
	if !s.is(deaf) && !s.fan.hears(s) {
		if s.muted == 0 {
			s.muted = max(lp.now, 1)
		}
		return true
	}
	if s.muted > 0 && s.began > 0 {
		s.began += lp.now - s.muted
	}
	s.muted = 0
	return false
}

// stuck is user's: s is looked at when it goes on taking nothing.
func (s *strand) stuck(lp *loop, _ *line) {
	lp.timers.schedule(s.fan, lp.now+s.writeTimeout())
}

// freed is user's: what was not read because of s is read again.
func (s *strand) freed(lp *loop, _ *line, _ *backlog) { s.fan.freed(lp, s) }

func (s *strand) lost(_ *loop, _ *line, err error) {
	if s.rest != nil { // stands before
		s.rest.lost, s.rest.err = true, err
		return
	}
	s.fan.lost(s, err)
}

// close closes the socket of s, at once.
func (s *strand) close(lp *loop) {
	if s.is(closed) {
		return
	}
	s.endMessage(lp)
	s.dropOut(lp)
	s.rest = nil
	lp.closeLine(&s.line)
	if s.release != nil {
		s.release()
	}
}

// done tells whether the socket of s, which was told its end, may be closed:
// that has passed both ways, or cannot.
func (s *strand) done() bool {
	switch {
	case s.is(closed) || s.backlogged() && !s.is(finished|deaf):
		return false
	case s.is(finished | deaf):
		return true
	}
	return s.side == client && s.parted()
}
