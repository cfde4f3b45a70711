//go:build linux

package main

import (
	"io"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// rawConn is a socket without Go's poller. It is a net.Conn so that crypto/tls
// can work on it. While blocking it waits like any connection; afterwards Read
// answers errAgain when nothing is there (which crypto/tls survives, since it
// is temporary) and Write takes everything and keeps what the socket does not.
type rawConn struct {
	fd       int
	blocking bool
	drained  bool   // nothing to read before the next edge
	out      []byte // what the socket did not take at once
	sent     int    // bytes of out that it has taken since
}

// again is the error of a socket that has nothing to read now.
type again struct{}

func (again) Error() string   { return "nothing to read" }
func (again) Timeout() bool   { return true }
func (again) Temporary() bool { return true }

var errAgain net.Error = again{}

// dialRaw connects to address, blocking.
func dialRaw(address unix.SockaddrInet4) (*rawConn, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	c := &rawConn{fd: fd, blocking: true}
	for {
		err = unix.Connect(fd, &address)
		if err != unix.EINTR && err != unix.EALREADY {
			break
		}
	}
	if err != nil && err != unix.EISCONN {
		c.Close()
		return nil, err
	}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// unblock is called once, between the handshake and the loop.
func (c *rawConn) unblock() error {
	c.blocking = false
	return unix.SetNonblock(c.fd, true)
}

func (c *rawConn) Read(p []byte) (int, error) {
	if c.drained {
		return 0, errAgain
	}
	for {
		n, err := unix.Read(c.fd, p)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			c.drained = true
			return 0, errAgain
		case err != nil:
			return 0, err
		case n == 0 && len(p) > 0:
			return 0, io.EOF
		}
		c.drained = n < len(p) && !c.blocking
		return n, nil
	}
}

func (c *rawConn) Write(p []byte) (int, error) {
	if len(c.out) > 0 {
		c.out = append(c.out, p...)
		return len(p), nil
	}
	n, ok := writeSome(c.fd, p)
	if !ok {
		return n, unix.EPIPE
	}
	c.out = append(c.out, p[n:]...)
	return len(p), nil
}

// flush goes on where Write stopped.
func (c *rawConn) flush() error {
	n, ok := writeSome(c.fd, c.out[c.sent:])
	if !ok {
		return unix.EPIPE
	}
	if c.sent += n; c.sent == len(c.out) {
		c.out, c.sent = c.out[:0], 0
	}
	return nil
}

// Close may be called once only.
func (c *rawConn) Close() error { return unix.Close(c.fd) }

func (c *rawConn) LocalAddr() net.Addr              { return nil }
func (c *rawConn) RemoteAddr() net.Addr             { return nil }
func (c *rawConn) SetDeadline(time.Time) error      { return nil }
func (c *rawConn) SetReadDeadline(time.Time) error  { return nil }
func (c *rawConn) SetWriteDeadline(time.Time) error { return nil }
