//go:build !linux || portable

package relay

import (
	"errors"
	"net"
	"sync"
	"time"
)

// entrance is a goroutine that accepts for all loops.
type entrance struct {
	listener net.Listener
	limit    interface{ SetDeadline(t time.Time) error } // of the listener
	closed   chan struct{}
	done     sync.WaitGroup
}

func (at *Listening) open(l net.Listener) error {
	limit, ok := l.(interface{ SetDeadline(t time.Time) error })
	if !ok {
		return errors.ErrUnsupported
	}
	at.entrance.listener, at.entrance.limit, at.entrance.closed = l, limit, make(chan struct{})
	at.entrance.done.Go(at.run)
	return nil
}

// close ends the accepting. The listener is somebody else's: it is as before.
func (at *Listening) close() {
	close(at.entrance.closed)
	at.entrance.limit.SetDeadline(time.Unix(1, 0)) // fails if it is closed, which will do
	at.entrance.done.Wait()
	at.entrance.limit.SetDeadline(time.Time{}) // likewise
}

// run accepts until the listening is closed.
func (at *Listening) run() {
	delay := time.Duration(0)
	for {
		c, err := at.entrance.listener.Accept()
		switch {
		case err == nil:
			delay = 0
			at.admit(c)
			continue
		case at.isClosed():
			return
		case errors.Is(err, net.ErrClosed):
			at.fail(err)
			return
		}
		delay = min(max(2*delay, firstDelay), lastDelay)
		at.acceptor.Troubled(err)
		at.pause(delay)
	}
}

// pause waits, but not longer than the listening lasts.
func (at *Listening) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-at.entrance.closed:
	case <-t.C:
	}
}

func (at *Listening) isClosed() bool {
	select {
	case <-at.entrance.closed:
		return true
	default:
		return false
	}
}

// admit brings c to a loop.
func (at *Listening) admit(c net.Conn) {
	lp := at.group.choose()
	s := newSeat(lp, nil)
	s.ends = &ends{c.LocalAddr().Network(), c.LocalAddr(), c.RemoteAddr()}
	if _, err := s.init(c, nil); err != nil {
		at.acceptor.Troubled(err)
		return
	}
	s.count()
	if !lp.post(func(*loop) { at.welcome(s) }) {
		s.uncount()
		s.socket.close()
	}
}
