//go:build linux && !portable

package socket

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Conn is a stream socket that is not in Go's poller until it must wait. It is
// in one of three states:
//
//   - direct: fd is the descriptor.
//   - polled: file is in Go's poller and owns the descriptor.
//   - over: closed or detached; neither is set.
type Conn struct {
	// static after construction
	network       string
	local, remote net.Addr // local is nil if it must be asked for

	mu        sync.RWMutex // held for reading while fd is used
	fd        int          // -1 if not direct; guarded by mu, as all that follows
	file      *os.File
	raw       syscall.RawConn // of file
	deadlines [2]time.Time    // by direction; kept until file has them
}

type direction int

const (
	input direction = iota
	output
)

// Read reads what is there, and waits if that is nothing.
func (c *Conn) Read(p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	waitErr := c.do(input, func(fd uintptr) bool {
		n, err = recv(fd, p)
		return err != syscall.EAGAIN //nolint:errorlint // a bare errno
	})
	switch {
	case waitErr != nil:
		return 0, c.fault("read", waitErr)
	case err != nil:
		return 0, c.fault("read", os.NewSyscallError("read", err))
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// Write writes all of p.
func (c *Conn) Write(p []byte) (n int, err error) {
	waitErr := c.do(output, func(fd uintptr) bool {
		for n < len(p) && err == nil {
			var k int
			k, err = send(fd, p[n:])
			n += k
		}
		if err == syscall.EAGAIN { //nolint:errorlint // a bare errno
			err = nil
			return false
		}
		return true
	})
	switch {
	case waitErr != nil:
		return n, c.fault("write", waitErr)
	case err != nil:
		return n, c.fault("write", os.NewSyscallError("write", err))
	}
	return n, nil
}

// do calls op, which does not block, until it returns true. Between two calls
// it waits until the socket is ready in that direction.
func (c *Conn) do(d direction, op func(fd uintptr) bool) error {
	done, raw, err := c.attempt(d, op)
	if done || err != nil {
		return err
	}
	if raw == nil {
		if raw, err = c.enlist(); err != nil {
			return err
		}
	}
	if d == input {
		err = raw.Read(op)
	} else {
		err = raw.Write(op)
	}
	if err != nil && c.over() {
		return net.ErrClosed
	}
	return err
}

// attempt calls op once if the socket is direct, and returns raw if it is
// polled.
func (c *Conn) attempt(d direction, op func(fd uintptr) bool) (done bool, raw syscall.RawConn, err error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	switch {
	case c.raw != nil:
		return false, c.raw, nil
	case c.fd < 0:
		return true, nil, net.ErrClosed
	case op(uintptr(c.fd)):
		return true, nil, nil
	case !c.deadlines[d].IsZero() && !time.Now().Before(c.deadlines[d]):
		return false, nil, os.ErrDeadlineExceeded
	}
	return false, nil, nil
}

// enlist puts the socket into Go's poller.
func (c *Conn) enlist() (syscall.RawConn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.raw != nil:
		return c.raw, nil
	case c.fd < 0:
		return nil, net.ErrClosed
	}
	file := os.NewFile(uintptr(c.fd), "socket") // does not block, so it is polled
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, err
	}
	c.fd, c.file, c.raw = -1, file, raw
	if err := setDeadlines(file, c.deadlines); err != nil {
		return nil, err
	}
	return raw, nil
}

func setDeadlines(file *os.File, to [2]time.Time) error {
	switch {
	case to[input].IsZero() && to[output].IsZero():
		return nil
	case to[input].Equal(to[output]):
		return file.SetDeadline(to[input])
	}
	return errors.Join(file.SetReadDeadline(to[input]), file.SetWriteDeadline(to[output]))
}

func (c *Conn) over() bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.fd < 0 && c.file == nil
}

// take leaves the socket over and returns what it was.
func (c *Conn) take() (fd int, file *os.File) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fd, file = c.fd, c.file
	c.fd, c.file, c.raw = -1, nil, nil
	return fd, file
}

// Close closes the socket and ends every wait for it.
func (c *Conn) Close() error {
	fd, file := c.take()
	switch {
	case file != nil:
		return file.Close()
	case fd >= 0:
		return closeFD(fd)
	}
	return c.fault("close", net.ErrClosed)
}

// Detach returns the descriptor, which does not block and is the caller's. The
// connection is as if closed.
func (c *Conn) Detach() (fd int, err error) {
	fd, file := c.take()
	switch {
	case file != nil:
		defer file.Close()
		return Duplicate(file)
	case fd >= 0:
		return fd, nil
	}
	return -1, c.fault("detach", net.ErrClosed)
}

// CloseWrite ends the output: the peer reads the end of file.
func (c *Conn) CloseWrite() error {
	var err error
	waitErr := c.control(func(fd uintptr) { err = syscall.Shutdown(int(fd), syscall.SHUT_WR) })
	if waitErr == nil && err != nil {
		waitErr = os.NewSyscallError("shutdown", err)
	}
	if waitErr != nil {
		return c.fault("close", waitErr)
	}
	return nil
}

// control calls op with the descriptor.
func (c *Conn) control(op func(fd uintptr)) error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	switch {
	case c.raw != nil:
		return c.raw.Control(op)
	case c.fd < 0:
		return net.ErrClosed
	}
	op(uintptr(c.fd))
	return nil
}

// SetDeadline is SetReadDeadline and SetWriteDeadline.
func (c *Conn) SetDeadline(t time.Time) error {
	return c.setDeadline(t, (*os.File).SetDeadline, input, output)
}

// SetReadDeadline sets when a Read that waits fails, also one under way.
func (c *Conn) SetReadDeadline(t time.Time) error {
	return c.setDeadline(t, (*os.File).SetReadDeadline, input)
}

// SetWriteDeadline sets when a Write that waits fails, also one under way.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	return c.setDeadline(t, (*os.File).SetWriteDeadline, output)
}

func (c *Conn) setDeadline(t time.Time, set func(*os.File, time.Time) error, of ...direction) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.file != nil:
		return set(c.file, t)
	case c.fd < 0:
		return c.fault("set", net.ErrClosed)
	}
	for _, d := range of {
		c.deadlines[d] = t
	}
	return nil
}

// LocalAddr returns the address of this end.
func (c *Conn) LocalAddr() net.Addr {
	if c.local != nil {
		return c.local
	}
	at := &net.TCPAddr{}
	c.control(func(fd uintptr) { at = net.TCPAddrFromAddrPort(localAddrPort(int(fd))) }) //nolint:errcheck // of a closed one it is unknown
	return at
}

// RemoteAddr returns the peer's address.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

func (c *Conn) fault(op string, err error) error {
	return &net.OpError{Op: op, Net: c.network, Addr: c.remote, Err: err}
}
