//go:build linux && !portable

package socket

import (
	"context"
	"net"
	"net/netip"
	"os"
	"syscall"
)

// unnamed is the address of all clients of a unix socket, as package net has it.
var unnamed = &net.UnixAddr{Name: "@", Net: "unix"}

// Keep-alive of accepted connections, in seconds and probes, as package net
// has it by default.
const (
	keepIdle     = 15
	keepInterval = 15
	keepCount    = 9
)

// listener accepts Conns.
type listener struct {
	file    *os.File // in Go's poller; a net.Listener lends nobody its own place there
	raw     syscall.RawConn
	address net.Addr
	local   net.Addr // of every accepted connection; nil if it differs
	remote  net.Addr // of every accepted connection; nil if each has its own
}

// Listen listens on a TCP address. Keep-alive of what it accepts is on.
func Listen(address string) (net.Listener, error) {
	config := net.ListenConfig{Control: prepare}
	config.SetMultipathTCP(false) // the options below would not be inherited
	tcp, err := config.Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, err
	}
	return own(tcp)
}

// own makes a listener of l, which is closed, whatever comes of it.
func own(l net.Listener) (net.Listener, error) {
	defer l.Close()
	file, err := l.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		return nil, err
	}
	o := &listener{file: file, address: l.Addr()}
	switch at := l.Addr().(type) {
	case *net.TCPAddr:
		if !at.IP.IsUnspecified() {
			o.local = at
		}
	case *net.UnixAddr:
		o.local, o.remote = at, unnamed
	}
	if o.raw, err = file.SyscallConn(); err != nil {
		file.Close()
		return nil, err
	}
	return o, nil
}

// Addr returns the address that is listened on.
func (l *listener) Addr() net.Addr { return l.address }

// Close ends the listening, and an Accept that is under way.
func (l *listener) Close() error { return l.file.Close() }

// SyscallConn gives access to the descriptor that listens.
func (l *listener) SyscallConn() (syscall.RawConn, error) { return l.raw, nil }

// prepare sets the options of accepted connections once: they inherit them.
func prepare(_, _ string, raw syscall.RawConn) error {
	var err error
	controlErr := raw.Control(func(fd uintptr) {
		for _, option := range [...]struct{ level, name, value int }{
			{syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1},
			{syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
			{syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, keepIdle},
			{syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, keepInterval},
			{syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, keepCount},
		} {
			if err == nil {
				err = os.NewSyscallError("setsockopt", syscall.SetsockoptInt(int(fd), option.level, option.name, option.value))
			}
		}
	})
	if controlErr != nil {
		return controlErr
	}
	return err
}

// Accept returns the next connection, a *Conn.
func (l *listener) Accept() (net.Conn, error) {
	var fd int
	var from netip.AddrPort
	var err error
	waitErr := l.raw.Read(func(listening uintptr) bool {
		fd, from, err = accept(listening)
		return err != syscall.EAGAIN //nolint:errorlint // a bare errno
	})
	network := l.address.Network()
	switch {
	case waitErr != nil:
		return nil, &net.OpError{Op: "accept", Net: network, Addr: l.address, Err: net.ErrClosed}
	case err != nil:
		return nil, &net.OpError{Op: "accept", Net: network, Addr: l.address, Err: os.NewSyscallError("accept4", err)}
	}
	c := &Conn{fd: fd, network: network, local: l.local, remote: l.remote}
	if c.remote == nil {
		c.remote = net.TCPAddrFromAddrPort(from)
	}
	return c, nil
}
