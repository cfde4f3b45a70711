package socket

import (
	"bytes"
	"io"
	"net"
	"time"

	"usher/proxy/tls13"
)

// Detachable stands under a tls.Conn so that an event loop can take the socket
// from it later: blocking, as what it wraps, until Detach, and fed by hand from
// then on, or until Attach.
type Detachable struct {
	net.Conn // nil once detached

	// Owned by whoever has detached it; the first two, while there is a
	// connection, by whoever reads.
	in  []byte  // ciphertext that was read and not yet taken
	end error   // what follows behind in; nil if there may be more later
	out *[]byte // where ciphertext goes

	// Until TakeOver, owned by whoever uses the tls.Conn.
	watch *tls13.Watch // follows all that passes; nil for nobody
	whole int          // what is left of the record that is being read, which in begins with
}

// NewDetachable returns c as a connection to put under tls.Server or
// tls.Client.
func NewDetachable(c net.Conn) *Detachable { return &Detachable{Conn: c} }

// Detach hands out the wrapped connection, which the caller owns, and nil if it
// was handed out before.
func (c *Detachable) Detach() net.Conn {
	inner := c.Conn
	c.Conn = nil
	c.Unwatch()
	return inner
}

// Attach gives the connection back, for a Detachable that is read and written as
// a net.Conn again. What was fed and not taken is read first.
func (c *Detachable) Attach(inner net.Conn) {
	c.in = bytes.Clone(c.in) // whoever fed it has its own use for it
	c.Conn, c.out = inner, nil
}

// Feed has the reads that follow take in, and end behind it; a nil end is
// ErrNothing, or what the connection has while there is one. in is used until it
// is read or replaced.
func (c *Detachable) Feed(in []byte, end error) { c.in, c.end = in, end }

// SendTo has the writes that follow append to out; nil has them fail.
func (c *Detachable) SendTo(out *[]byte) { c.out = out }

// Read takes ciphertext. When there is none left it returns ErrNothing, which
// crypto/tls does not hold against the connection.
func (c *Detachable) Read(p []byte) (int, error) {
	if c.watch != nil {
		return c.readRecord(p)
	}
	if len(c.in) == 0 {
		switch {
		case c.end != nil:
			return 0, c.end
		case c.Conn != nil:
			return c.Conn.Read(p)
		}
		return 0, ErrNothing
	}
	n := copy(p, c.in)
	c.in = c.in[n:]
	return n, nil
}

// Write takes all of p: who has detached it sends it.
func (c *Detachable) Write(p []byte) (int, error) {
	if c.watch != nil {
		c.watch.Outgoing(p)
		if c.watch.Lost() {
			c.Unwatch()
		}
	}
	if c.Conn != nil {
		return c.Conn.Write(p)
	}
	if c.out == nil {
		return 0, io.ErrClosedPipe
	}
	*c.out = append(*c.out, p...)
	return len(p), nil
}

// Close closes the wrapped connection, and has no effect once detached.
func (c *Detachable) Close() error {
	if c.Conn != nil {
		return c.Conn.Close()
	}
	return nil
}

// SetDeadline has no effect once detached.
func (c *Detachable) SetDeadline(t time.Time) error {
	if c.Conn != nil {
		return c.Conn.SetDeadline(t)
	}
	return nil
}

// SetReadDeadline has no effect once detached.
func (c *Detachable) SetReadDeadline(t time.Time) error {
	if c.Conn != nil {
		return c.Conn.SetReadDeadline(t)
	}
	return nil
}

// SetWriteDeadline has no effect once detached.
func (c *Detachable) SetWriteDeadline(t time.Time) error {
	if c.Conn != nil {
		return c.Conn.SetWriteDeadline(t)
	}
	return nil
}

// ErrNothing is the error of a read that would block. crypto/tls makes every
// error permanent but a net.Error that is Temporary.
var ErrNothing net.Error = nothing{}

type nothing struct{}

func (nothing) Error() string   { return "nothing to read now" }
func (nothing) Timeout() bool   { return true }
func (nothing) Temporary() bool { return true }
