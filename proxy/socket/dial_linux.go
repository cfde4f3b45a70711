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
	fd, err := syscall.Socket(sa.family(), syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	c := &Conn{fd: fd, network: "tcp", remote: net.TCPAddrFromAddrPort(to)}
	err = os.NewSyscallError("setsockopt", setNoDelay(fd))
	if err == nil {
		err = c.connect(ctx, sa)
	}
	if err == nil && to.Addr().IsLoopback() && localAddrPort(fd) == to {
		err = errSelf // a port of a loopback address may have been chosen for both ends
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// connect asks for the connection and waits until it is there. Asking again
// tells how it stands; a peer on this machine has answered by then.
func (c *Conn) connect(ctx context.Context, sa *sockaddr) error {
	var err error
	ask := func(fd uintptr) bool {
		err = sa.connect(fd)
		if err == syscall.EINPROGRESS { //nolint:errorlint // a bare errno
			err = sa.connect(fd)
		}
		switch err { //nolint:errorlint // as above
		case syscall.EALREADY, syscall.EINTR:
			return false
		case syscall.EISCONN:
			err = nil
		}
		return true
	}
	if done, _, waitErr := c.attempt(output, ask); !done && waitErr == nil {
		if waitErr = c.awaitConnection(ctx, ask); waitErr != nil {
			return waitErr
		}
	}
	return os.NewSyscallError("connect", err)
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
