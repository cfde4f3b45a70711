//go:build linux && !portable

package relay

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"usher/proxy/socket"
)

// entrance is the one listening socket. A queue of its own for each loop
// (SO_REUSEPORT) would lose whoever waits in it when it is closed.
type entrance struct {
	socket rawSocket
	doors  []*door // of the loops
}

// door is where a loop accepts. Its socket is the entrance's, which it never
// closes.
type door struct {
	line

	// static after construction
	at   *Listening
	loop *loop

	// owned by the loop
	delay time.Duration // how long the trouble that there is was waited for last; 0 if there is none
	alarm timer         // set while there is trouble
	open  bool          // the poller reports on it
}

// maxAccepts bounds how many clients a loop accepts in a turn.
const maxAccepts = 16

// open opens the doors.
func (at *Listening) open(l net.Listener) error {
	sc, ok := l.(syscall.Conn)
	if !ok {
		return errors.ErrUnsupported
	}
	fd, err := socket.Duplicate(sc)
	if err != nil {
		return err
	}
	at.entrance.socket = rawSocket{fd}
	for _, lp := range at.group.loops {
		d := &door{at: at, loop: lp, alarm: timer{index: -1}}
		d.user, d.socket = d, at.entrance.socket
		at.entrance.doors = append(at.entrance.doors, d)
		lp.post(func(*loop) { d.unlock() })
	}
	return nil
}

// close closes the doors, and then the socket.
func (at *Listening) close() {
	at.group.each(func(lp *loop) {
		for _, d := range at.entrance.doors {
			if d.loop == lp {
				d.lock()
				lp.timers.drop(d)
				d.set(closed)
			}
		}
	})
	at.entrance.socket.close()
}

// unlock has the poller report on clients.
func (d *door) unlock() {
	if d.open || d.is(closed) || d.loop.ended {
		return
	}
	if err := d.loop.poller.listen(&d.line); err != nil {
		d.trouble(err)
		return
	}
	d.open = true
}

func (d *door) lock() {
	if d.open {
		d.open = false
		_ = d.loop.poller.release(&d.line) // fails for a descriptor that is not there, and it is
	}
}

// serve is user's: it accepts who waits.
func (d *door) serve(lp *loop, _ *line) {
	if !d.open {
		return
	}
	idle := d.at.group.choose()
	for range maxAccepts {
		fd, from, err := socket.Accept(d.socket.fd)
		if err == syscall.EAGAIN { //nolint:errorlint // a bare errno
			d.delay = 0
			return
		}
		if err != nil {
			d.refuse(err)
			return
		}
		d.delay = 0
		to := lp
		if lp.overruns(idle) {
			to = idle
		}
		s := newSeat(to, nil)
		s.socket.fd, s.peer, s.ends = fd, from, d.at.ends
		s.count()
		d.admit(s)
	}
}

// overruns tells whether lp has noticeably more clients than other.
func (lp *loop) overruns(other *loop) bool {
	mine, its := lp.clients(), other.clients()
	return mine-its > max(8, its/8)
}

// admit brings s to its loop.
func (d *door) admit(s *Seat) {
	if s.loop == d.loop {
		d.at.welcome(s)
		return
	}
	if !s.loop.post(func(*loop) { d.at.welcome(s) }) {
		s.uncount()
		s.socket.close()
	}
}

// refuse acts on an error of accept: nearly all pass.
func (d *door) refuse(err error) {
	switch err { //nolint:errorlint // a bare errno
	case syscall.EBADF, syscall.EINVAL, syscall.ENOTSOCK, syscall.EFAULT:
		d.lock()
		d.at.fail(os.NewSyscallError("accept4", err))
	default:
		d.trouble(os.NewSyscallError("accept4", err))
	}
}

// trouble locks the door for a while.
func (d *door) trouble(err error) {
	d.lock()
	d.delay = min(max(2*d.delay, firstDelay), lastDelay)
	d.loop.timers.set(d, d.loop.now+d.delay)
	d.at.acceptor.Troubled(err)
}

// clock and tick make the end of trouble one of the loop's timers.
func (d *door) clock() *timer { return &d.alarm }
func (d *door) tick(*loop)    { d.unlock() }

// Nothing is read from a door, or written.
func (d *door) take(*loop, *line, []byte, int) {}
func (d *door) lost(*loop, *line, error)       {}
func (d *door) stuck(*loop, *line)             {}
func (d *door) freed(*loop, *line, *backlog)   {}
