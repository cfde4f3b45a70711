// Package proxyproto speaks the PROXY protocol of HAProxy, versions 1 and 2:
// who passes a TCP connection on says in front of it where it comes from.
package proxyproto

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Conn is a connection from a peer that must say whom it speaks for. The
// header is read when its content is first asked for, by a read or for the
// addresses, in the goroutine that asks. Not a byte behind it is read.
type Conn struct {
	net.Conn
	timeout time.Duration
	log     *slog.Logger

	once   sync.Once
	remote net.Addr // guarded by once, as all below
	local  net.Addr
	err    error
}

// Accept returns c as a Conn if its peer is in one of the networks, and c
// itself, an ordinary client, if not: a header of it is no HTTP and no TLS. The
// peers by unix sockets, which have no address, are in the zero network.
func Accept(c net.Conn, networks []netip.Prefix, timeout time.Duration, log *slog.Logger) net.Conn {
	var a netip.Addr
	if from, err := netip.ParseAddrPort(c.RemoteAddr().String()); err == nil {
		a = from.Addr().Unmap().WithZone("")
	}
	if !slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(a) || p == netip.Prefix{} && !a.IsValid() }) {
		return c
	}
	return &Conn{Conn: c, timeout: timeout, log: log}
}

// RemoteAddr returns the client's address.
func (c *Conn) RemoteAddr() net.Addr {
	c.once.Do(c.open)
	return c.remote
}

// LocalAddr returns the address that the client connected to.
func (c *Conn) LocalAddr() net.Addr {
	c.once.Do(c.open)
	return c.local
}

// Read reads what follows the header.
func (c *Conn) Read(p []byte) (int, error) {
	if c.once.Do(c.open); c.err != nil {
		return 0, c.err
	}
	return c.Conn.Read(p)
}

// CloseWrite ends the output.
func (c *Conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Detach hands out the descriptor, where the connection can do that.
func (c *Conn) Detach() (fd int, err error) {
	if d, ok := c.Conn.(interface{ Detach() (int, error) }); ok {
		return d.Detach()
	}
	return -1, errors.ErrUnsupported
}

// SyscallConn implements syscall.Conn.
func (c *Conn) SyscallConn() (syscall.RawConn, error) {
	if s, ok := c.Conn.(syscall.Conn); ok {
		return s.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// open reads the header.
func (c *Conn) open() {
	c.remote, c.local = c.Conn.RemoteAddr(), c.Conn.LocalAddr()
	c.Conn.SetReadDeadline(time.Now().Add(c.timeout))
	of, err := read(c.Conn)
	c.Conn.SetReadDeadline(time.Time{})
	if err != nil {
		level := slog.LevelWarn
		if errors.Is(err, io.EOF) { // nothing at all: somebody looks whether the port is open
			level = slog.LevelDebug
		}
		c.log.Log(context.Background(), level, "proxy protocol", "peer", c.remote.String(), "error", err)
		c.err = fmt.Errorf("proxy protocol: %w", err)
		c.Conn.Close()
		return
	}
	if of.Source != nil {
		c.remote, c.local = of.Source, of.Destination
	}
}

// read takes a header off r, to its last byte.
func read(r io.Reader) (Addresses, error) {
	b := make([]byte, 0, 256)
	for {
		of, n, err := Parse(b)
		had := len(b)
		if err != nil || n <= had {
			return of, err
		}
		b = slices.Grow(b, n-had)[:n]
		if _, err := io.ReadFull(r, b[had:]); err != nil {
			if had > 0 && errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return Addresses{}, err
		}
	}
}
