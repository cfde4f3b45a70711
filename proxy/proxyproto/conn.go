// Package proxyproto speaks the PROXY protocol of HAProxy, versions 1 and 2:
// who passes a TCP connection on says in front of it where it comes from.
package proxyproto

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"syscall"
)

// Speaks tells whether a peer is in one of the networks that must begin with a
// header. All others are ordinary clients: a header of theirs is no HTTP and no
// TLS. The peers by unix sockets, which have no address, are in the zero network.
func Speaks(peer net.Addr, networks []netip.Prefix) bool {
	if len(networks) == 0 {
		return false
	}
	var a netip.Addr
	if from, err := netip.ParseAddrPort(peer.String()); err == nil {
		a = from.Addr().Unmap().WithZone("")
	}
	return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(a) || p == netip.Prefix{} && !a.IsValid() })
}

// Conn is a connection whose peer speaks for a client.
type Conn struct {
	net.Conn // behind the header
	client   Addresses
}

// NewConn returns c as one of the client of that header.
func NewConn(c net.Conn, of Addresses) *Conn { return &Conn{c, of} }

// RemoteAddr returns the client's address.
func (c *Conn) RemoteAddr() net.Addr { return c.client.Source }

// LocalAddr returns the address that the client connected to.
func (c *Conn) LocalAddr() net.Addr { return c.client.Destination }

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
