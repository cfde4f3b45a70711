//go:build linux && !portable

package relay

import (
	"net"

	"usher/proxy/socket"
)

// pendingDial is nothing but the socket's: the kernel dials.
type pendingDial struct{}

func (pendingDial) stop() {}

// dial begins to connect s and tells whether it is.
func (lp *loop) dial(s *Seat) (connected bool, err error) {
	if s.socket.fd, connected, err = socket.Connect(s.peer); err != nil {
		return false, err
	}
	if err = lp.poller.add(&s.line); err != nil {
		s.socket.close()
	}
	return connected, err
}

// finishDial asks how it stands.
func (lp *loop) finishDial(s *Seat) {
	connected, err := socket.Connected(s.socket.fd, s.peer)
	if connected || err != nil {
		lp.dialled(s, err)
	}
}

// conn makes a net.Conn of the socket.
func (s *Seat) conn() net.Conn {
	network, local := "tcp", net.Addr(nil)
	if s.ends != nil {
		network, local = s.ends.network, s.ends.local
	}
	return socket.NewConn(s.socket.fd, network, local, s.RemoteAddr())
}

func (s rawSocket) localAddr() net.Addr { return socket.LocalAddr(s.fd) }
