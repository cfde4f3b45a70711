package socket

import (
	"errors"
	"net"
)

// Pair returns two connections: what is written to one is read from the other.
// There are no socket pairs here, so it is a connection to oneself; that of a
// stranger who was faster is not taken.
func Pair() (a, b net.Conn, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	if a, err = net.Dial("tcp", l.Addr().String()); err != nil {
		return nil, nil, err
	}
	b, err = l.Accept()
	if err == nil && b.RemoteAddr().String() != a.LocalAddr().String() {
		b.Close()
		err = errors.New("somebody else connected to the pair")
	}
	if err != nil {
		a.Close()
		return nil, nil, err
	}
	return a, b, nil
}
