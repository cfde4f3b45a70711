// Package proxyproto speaks the PROXY protocol of HAProxy, versions 1 and 2:
// who passes a TCP connection on says in front of it where it comes from.
package proxyproto

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
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

	"github.com/pires/go-proxyproto"
)

const (
	// shortest is the length of the shortest header, "PROXY UNKNOWN\r\n".
	shortest = 15
	// longestLine is that of version 1 with its end (specification, 2.1).
	longestLine = 107
	// longestRest bounds what follows the fixed part of version 2; with TLS
	// details of the client a few hundred bytes are usual.
	longestRest = 4096
	// local is version 2 and the command of who speaks for nobody.
	local = 0x20
)

var (
	signature = []byte("\r\n\r\n\x00\r\nQUIT\n") // of version 2
	word      = []byte("PROXY ")                 // of version 1

	errNoHeader = errors.New("a peer of proxy_protocol sent no header")
	errTooLong  = errors.New("header is too long")
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
	h, err := read(c.Conn)
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
	if from, to, ok := h.TCPAddrs(); ok && !h.Command.IsLocal() {
		c.remote, c.local = from, to
	}
}

// read takes a header off r, to its last byte.
func read(r io.Reader) (*proxyproto.Header, error) {
	b := make([]byte, shortest, 256)
	_, err := io.ReadFull(r, b)
	switch {
	case err != nil:
		return nil, err
	case bytes.HasPrefix(b, signature):
		b, err = readRest(r, b)
	case bytes.HasPrefix(b, word):
		b, err = readLine(r, b)
	default:
		err = errNoHeader
	}
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(b, signature) && b[len(signature)] == local { // what follows is of no meaning, whatever it is (2.2)
		return &proxyproto.Header{Version: 2, Command: proxyproto.LOCAL}, nil
	}
	h, err := proxyproto.Read(bufio.NewReaderSize(bytes.NewReader(b), len(b)))
	if err != nil {
		return nil, err
	}
	_, err = h.TLVs() // their lengths must add up
	return h, err
}

// readLine reads version 1, byte by byte: what follows is the client's.
func readLine(r io.Reader, b []byte) ([]byte, error) {
	for b[len(b)-1] != '\n' {
		if len(b) == longestLine {
			return nil, errTooLong
		}
		b = append(b, 0)
		if _, err := io.ReadFull(r, b[len(b)-1:]); err != nil {
			return nil, io.ErrUnexpectedEOF
		}
	}
	return b, nil
}

func readRest(r io.Reader, b []byte) ([]byte, error) {
	b = append(b, 0)
	if _, err := io.ReadFull(r, b[shortest:]); err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	n := int(binary.BigEndian.Uint16(b[len(b)-2:]))
	if n > longestRest {
		return nil, errTooLong
	}
	b = slices.Grow(b, n)[:len(b)+n]
	if _, err := io.ReadFull(r, b[len(b)-n:]); err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	return b, nil
}
