package relay

import (
	"crypto/tls"
	"net"

	"usher/proxy/socket"
)

// stockTLS is TLS as crypto/tls makes it.
type stockTLS struct {
	conn  *tls.Conn
	under *socket.Detachable // below conn
	out   []byte             // what conn writes, during a call
}

func (s *stockTLS) kept([]byte) int { return 0 } // it is crypto/tls that keeps it

func (s *stockTLS) feed(raw []byte, end error) { s.under.Feed(raw, end) }

func (s *stockTLS) settle() { s.under.Feed(nil, nil) }

func (s *stockTLS) over() {}

func (s *stockTLS) open(p, out []byte) (n int, reply []byte, err error) {
	s.sendTo(out)
	for n < len(p) && err == nil {
		var k int
		k, err = s.conn.Read(p[n:])
		n += k
	}
	return n, s.sent(), err
}

func (s *stockTLS) seal(out, p []byte) ([]byte, error) {
	s.sendTo(out)
	_, err := s.conn.Write(p)
	return s.sent(), err
}

func (s *stockTLS) end(out []byte) ([]byte, error) {
	s.sendTo(out)
	err := s.conn.CloseWrite()
	return s.sent(), err
}

// sendTo has what conn writes stand behind out, until sent.
func (s *stockTLS) sendTo(out []byte) {
	s.out = out
	s.under.SendTo(&s.out)
}

func (s *stockTLS) sent() (out []byte) {
	s.under.SendTo(nil)
	out, s.out = s.out, nil
	return out
}

func (s *stockTLS) leave(c net.Conn) net.Conn {
	s.under.Attach(c)
	return s.conn
}
