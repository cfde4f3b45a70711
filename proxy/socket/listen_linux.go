//go:build linux && !portable

package socket

import (
	"context"
	"net"
	"net/netip"
	"os"
	"syscall"
)

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
}

// Listen listens on a TCP address. Keep-alive of what it accepts is on.
func Listen(address string) (net.Listener, error) {
	config := net.ListenConfig{Control: prepare}
	config.SetMultipathTCP(false) // the options below would not be inherited
	tcp, err := config.Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, err
	}
	defer tcp.Close()
	l := &listener{address: tcp.Addr()}
	if at := tcp.Addr().(*net.TCPAddr); !at.IP.IsUnspecified() {
		l.local = at
	}
	if l.file, err = tcp.(*net.TCPListener).File(); err != nil {
		return nil, err
	}
	if l.raw, err = l.file.SyscallConn(); err != nil {
		l.file.Close()
		return nil, err
	}
	return l, nil
}

// Addr returns the address that is listened on.
func (l *listener) Addr() net.Addr { return l.address }

// Close ends the listening, and an Accept that is under way.
func (l *listener) Close() error { return l.file.Close() }

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
	switch {
	case waitErr != nil:
		return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.address, Err: net.ErrClosed}
	case err != nil:
		return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.address, Err: os.NewSyscallError("accept4", err)}
	}
	return &Conn{fd: fd, network: "tcp", local: l.local, remote: net.TCPAddrFromAddrPort(from)}, nil
}
