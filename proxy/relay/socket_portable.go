//go:build !linux || portable

package relay

import (
	"io"
	"net"
	"syscall"
)

// rawSocket is a connection of Go's poller that is read and written without
// blocking.
type rawSocket struct {
	conn net.Conn
	raw  syscall.RawConn
}

var noSocket rawSocket

func (s rawSocket) descriptor() int { return -1 }

func socketOf(int) rawSocket { return noSocket }

// takeSocket makes a rawSocket of c. If it cannot, it closes c.
func takeSocket(c net.Conn) (rawSocket, error) {
	sc, ok := c.(syscall.Conn)
	if !ok {
		c.Close()
		return noSocket, errNoSocket(c)
	}
	raw, err := sc.SyscallConn()
	if err == nil {
		err = prepare(raw)
	}
	if err != nil {
		c.Close()
		return noSocket, err
	}
	return rawSocket{c, raw}, nil
}

// read reads what is there: io.EOF at the end, socket.ErrNothing if it would block.
func (s rawSocket) read(p []byte) (n int, err error) {
	ctlErr := s.raw.Control(func(fd uintptr) { n, err = recv(fd, p) })
	switch {
	case ctlErr != nil:
		return 0, ctlErr
	case err == nil && n == 0 && len(p) > 0:
		return 0, io.EOF
	}
	return max(n, 0), err
}

// write writes what the socket takes; n < len(p) only with an error, which is
// socket.ErrNothing if the rest would block.
func (s rawSocket) write(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var k int
		if ctlErr := s.raw.Control(func(fd uintptr) { k, err = send(fd, p[n:]) }); ctlErr != nil {
			return n, ctlErr
		}
		n += max(k, 0)
	}
	return n, err
}

// shutdown ends the output: the peer reads the end of file.
func (s rawSocket) shutdown() {
	if c, ok := s.conn.(interface{ CloseWrite() error }); ok {
		c.CloseWrite() //nolint:errcheck // what it could say, reading says too
	}
}

// close closes s and ends every wait for it.
func (s rawSocket) close() {
	if s.conn != nil {
		s.conn.Close()
	}
}
