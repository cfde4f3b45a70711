package relay

import (
	"net"
	"net/netip"
	"time"
)

// Seat is a socket on a loop that is no session's: a client's that is asking
// for one, or an endpoint's that is being asked. Its methods are for the loop's
// own goroutine, that is for calls of a Owner and for posted functions; Post and
// RemoteAddr alone may be called by anybody. They may be called when the seat
// is over, too, and do nothing then.
//
// It is in one of three states:
//
//   - connecting: it was dialled, and Connected is still to come.
//   - taken: what comes is its owner's.
//   - over: by Close, Leave or Join. The owner hears nothing more of it.
type Seat struct {
	line

	// static after construction
	loop  *loop
	owner Owner
	ends  *ends          // nil if peer is all there is to know
	peer  netip.AddrPort // of TCP; the zero value where ends tells

	dial  pendingDial
	alarm timer
}

// Owner is who has a Seat. The loop calls it in its turn, one call at a time.
type Owner interface {
	// Connected says that a dialled seat is connected, or one that was given to
	// a group is on its loop; or why not, and then s is over.
	Connected(s *Seat, err error)
	// Take is given what has come, of a TLS seat in plain. p is valid during
	// the call.
	Take(s *Seat, p []byte)
	// Lost says that nothing more comes: err is io.EOF or what broke it. The
	// seat is still to be closed. If it is ErrClosed, as the loop ends, it is
	// over, whatever was said before.
	Lost(s *Seat, err error)
	// Due says that the time has come that Wake has set.
	Due(s *Seat)
}

// ends are the addresses of a connection that differ from those the kernel
// would tell, or are known to be the same for many.
type ends struct {
	network       string
	local, remote net.Addr // nil where the seat must be asked
}

func newSeat(lp *loop, g Owner) *Seat {
	s := &Seat{loop: lp, owner: g, alarm: timer{index: -1}}
	s.user, s.socket = s, noSocket
	return s
}

// Seat gives a connection that a goroutine had to a loop, which first calls
// g.Connected, and then g.Take with what was read already. It takes ownership of
// c, whatever happens: c is closed if there is an error.
func (g *Group) Seat(c net.Conn, early []byte, owner Owner) error {
	lp := g.choose()
	s := newSeat(lp, owner)
	s.ends = &ends{c.LocalAddr().Network(), c.LocalAddr(), c.RemoteAddr()}
	early, err := s.init(c, early)
	if err != nil {
		return err
	}
	s.count()
	if !lp.post(func(lp *loop) { lp.seat(s, early) }) {
		s.uncount()
		s.abandon()
		return ErrClosed
	}
	return nil
}

// seat takes in a seat that somebody else has opened.
func (lp *loop) seat(s *Seat, early []byte) {
	err := lp.settleIn(s)
	s.owner.Connected(s, err)
	if len(early) > 0 && !s.is(vacated) {
		s.owner.Take(s, early)
	}
	if s.tls != nil && !s.is(vacated) { // records that came with the last one of the handshake
		if err := lp.unseal(&s.line); err != nil {
			lp.finishReading(&s.line, err)
		}
	}
}

// settleIn has the poller report on s. If it cannot, s is over.
func (lp *loop) settleIn(s *Seat) error {
	err := ErrClosed
	if !lp.ended {
		if err = lp.poller.add(&s.line); err == nil {
			return nil
		}
	}
	s.vacate()
	s.abandon()
	return err
}

// Write writes p, behind what waits. What the socket does not take is queued,
// without a limit. A failure shows as Lost.
func (s *Seat) Write(p []byte) {
	if len(p) > 0 && !s.is(vacated|connecting) {
		s.loop.write(&s.line, p)
	}
}

// Backlogged tells whether the socket has not taken all that was written.
func (s *Seat) Backlogged() bool { return s.backlogged() }

// Wake sets the seat's alarm, 0 takes it back. There is one.
func (s *Seat) Wake(after time.Duration) {
	switch {
	case s.is(vacated):
	case after <= 0:
		s.loop.timers.drop(s)
	default:
		s.loop.timers.set(s, s.loop.now+after)
	}
}

// Pause has nothing read from the socket, not even its end. Of a TLS seat that
// is paused in a Take, what was read with it comes still.
func (s *Seat) Pause() { s.set(paused) }

// Resume takes Pause back.
func (s *Seat) Resume() {
	if s.is(paused) && !s.is(vacated) {
		s.unset(paused)
		s.loop.enqueue(&s.line)
	}
}

// Close closes the socket, at once.
func (s *Seat) Close() {
	if s.is(vacated) {
		return
	}
	s.vacate()
	s.loop.closeLine(&s.line)
	s.dial.stop()
}

// Now returns the time of the loop's turn.
func (s *Seat) Now() time.Time { return s.loop.epoch.Add(s.loop.now) }

// Post has f run in the loop's turn, whatever has become of the seat; false if
// the loop has ended.
func (s *Seat) Post(f func()) bool {
	return s.loop.post(func(*loop) { f() })
}

// RemoteAddr returns the peer's address.
func (s *Seat) RemoteAddr() net.Addr {
	if s.ends != nil && s.ends.remote != nil {
		return s.ends.remote
	}
	return net.TCPAddrFromAddrPort(s.peer)
}

// LocalAddr returns the address of this end. That of a seat that is over may be
// unknown.
func (s *Seat) LocalAddr() net.Addr {
	switch {
	case s.ends != nil && s.ends.local != nil:
		return s.ends.local
	case s.is(vacated):
		return &net.TCPAddr{}
	}
	return s.socket.localAddr()
}
