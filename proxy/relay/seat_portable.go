//go:build !linux || portable

package relay

import (
	"context"
	"net"

	"usher/proxy/socket"
)

// pendingDial is a goroutine that dials.
type pendingDial struct{ cancel context.CancelFunc }

func (d pendingDial) stop() {
	if d.cancel != nil {
		d.cancel()
	}
}

// dial begins to connect s, which is never done at once.
func (lp *loop) dial(s *Seat) (connected bool, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	s.dial.cancel = cancel
	lp.poller.reserve(&s.line)
	lp.poller.waiters.Go(func() {
		defer cancel()
		c, err := socket.Dial(ctx, "tcp", s.peer.String())
		if !lp.post(func(lp *loop) { lp.connect(s, c, err) }) && err == nil {
			c.Close()
		}
	})
	return false, nil
}

// connect gives s the connection that was dialled for it.
func (lp *loop) connect(s *Seat, c net.Conn, err error) {
	if s.is(vacated) {
		if err == nil {
			c.Close()
		}
		return
	}
	if err == nil {
		if _, err = s.init(c, nil); err == nil {
			lp.poller.watchOver(&s.line)
		}
	}
	lp.dialled(s, err)
}

// finishDial has nothing to ask: the goroutine tells.
func (lp *loop) finishDial(*Seat) {}

// conn returns the socket as the net.Conn that it is.
func (s *Seat) conn() net.Conn { return s.socket.conn }

func (s rawSocket) localAddr() net.Addr {
	if s.conn == nil {
		return &net.TCPAddr{}
	}
	return s.conn.LocalAddr()
}
