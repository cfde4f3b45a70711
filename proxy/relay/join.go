package relay

import (
	"bytes"
	"errors"

	"usher/proxy/session"
)

var errSeats = errors.New("the seats of a session are not connected on one loop")

// Join is Adopt for two seats of one loop, and is called on it: they become the
// legs of s, and are over. early is what was taken from each behind its
// handshake; it may be what Take was given.
func (g *Group) Join(s *session.Session, c, u *Seat, earlyC, earlyU []byte, o *Options, release func()) {
	lp := c.loop
	p := newPair(s, o, release)
	lp.load.Add(1)
	if u.loop != lp || lp.ended || (c.state|u.state)&(vacated|connecting) != 0 {
		c.Close()
		u.Close()
		lp.refuseAdoption(p, errSeats)
		return
	}
	if len(earlyU) > 0 { // the loop's buffer has what comes of c meanwhile
		earlyU = bytes.Clone(earlyU)
	}
	lp.promote(c, &p.legs[client])
	lp.promote(u, &p.legs[upstream])
	lp.admit(p, earlyC, earlyU)
}

// promote makes s a leg. The poller does not notice.
func (lp *loop) promote(s *Seat, l *leg) {
	l.socket, l.tls, l.backlog, l.moved, l.waiting = s.socket, s.tls, s.backlog, s.moved, s.waiting
	l.state = s.state & (readable | ending | deaf)
	if s.is(finished) { // to be read once more
		l.set(readable | ending)
	}
	lp.poller.slots.pass(l.waiting[0], &l.line)
	s.vacate()
	s.socket, s.backlog = noSocket, nil
	lp.enqueue(&l.line)
}
