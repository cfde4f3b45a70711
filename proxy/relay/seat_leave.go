package relay

import (
	"errors"
	"net"
)

var (
	errOver       = errors.New("the seat is over")
	errBacklogged = errors.New("not all is written")
)

// Leave takes the socket off the loop and returns it as a net.Conn: what was not
// taken is read from it next. The seat is over. That of a TLS seat is its
// tls.Conn, or a socket.Secured. There is an error, and the seat goes on, while it is connecting or
// something waits to be written.
func (s *Seat) Leave() (net.Conn, error) {
	switch {
	case s.is(vacated | connecting):
		return nil, errOver
	case s.backlogged():
		return nil, errBacklogged
	}
	if err := s.loop.poller.release(&s.line); err != nil {
		return nil, err
	}
	s.vacate()
	c := s.conn()
	s.socket = noSocket
	if s.tls == nil {
		return c, nil
	}
	s.loop.warmth.forget(&s.line)
	return s.tls.leave(c), nil
}
