//go:build linux && !portable

package socket

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

var errSelf = errors.New("connected to itself: nobody listens there")

// Dial connects to an address of network tcp or unix. Names, and unix sockets,
// are package net's matter. Keep-alive is off.
func Dial(ctx context.Context, network, address string) (net.Conn, error) {
	to, err := netip.ParseAddrPort(address)
	if network != "tcp" || err != nil || to.Addr().Zone() != "" || to.Addr().IsUnspecified() {
		d := net.Dialer{KeepAlive: -1}
		return d.DialContext(ctx, network, address)
	}
	c, err := dialTCP(ctx, to)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: net.TCPAddrFromAddrPort(to), Err: err}
	}
	return c, nil
}

func dialTCP(ctx context.Context, to netip.AddrPort) (*Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	sa := sockaddrOf(to)
	fd, err := open(sa)
	if err != nil {
		return nil, err
	}
	c := &Conn{fd: fd, network: "tcp", remote: net.TCPAddrFromAddrPort(to)}
	if err = c.connect(ctx, sa); err == nil && isSelf(fd, to) {
		err = errSelf
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// open returns a socket that is not connected.
func open(to *sockaddr) (fd int, err error) {
	fd, err = syscall.Socket(to.family(), syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if err = setNoDelay(fd); err != nil {
		closeFD(fd) //nolint:errcheck // there is an error to tell already
		return -1, os.NewSyscallError("setsockopt", err)
	}
	return fd, nil
}

// isSelf tells whether a socket is connected to itself: a port of a loopback
// address may have been chosen for both ends.
func isSelf(fd int, to netip.AddrPort) bool {
	return to.Addr().IsLoopback() && localAddrPort(fd) == to
}

// connect asks for the connection and waits until it is there.
func (c *Conn) connect(ctx context.Context, sa *sockaddr) error {
	var err error
	ask := func(fd uintptr) (done bool) {
		done, err = sa.ask(fd)
		return done
	}
	if done, _, waitErr := c.attempt(output, ask); !done && waitErr == nil {
		if waitErr = c.awaitConnection(ctx, ask); waitErr != nil {
			return waitErr
		}
	}
	return os.NewSyscallError("connect", err)
}

// ask asks for the connection, and whether it is there. Asking again tells how
// it stands; a peer on this machine has answered by then.
func (s *sockaddr) ask(fd uintptr) (done bool, err error) {
	err = s.connect(fd)
	if err == syscall.EINPROGRESS { //nolint:errorlint // a bare errno
		err = s.connect(fd)
	}
	switch err { //nolint:errorlint // as above
	case syscall.EALREADY, syscall.EINTR:
		return false, nil
	case syscall.EISCONN:
		err = nil
	}
	return true, err
}

func (c *Conn) awaitConnection(ctx context.Context, ask func(uintptr) bool) error {
	by, _ := ctx.Deadline()
	c.SetWriteDeadline(by)
	stop := context.AfterFunc(ctx, func() { c.SetWriteDeadline(time.Unix(1, 0)) })
	err := c.do(output, ask)
	if !stop() {
		return ctx.Err()
	}
	c.SetWriteDeadline(time.Time{})
	return err
}
