package relay

import (
	"io"
	"net"
	"time"
)

// Conn stands under a tls.Conn so that a loop can take the socket from it
// later: blocking, as what it wraps, until a leg is made of it, and fed by hand
// from then on.
type Conn struct {
	net.Conn // nil once detached

	// Owned by the loop once detached.
	in  []byte  // ciphertext that was read and not yet taken
	end error   // what follows behind in; nil if there may be more later
	out *[]byte // where ciphertext goes; the loop's, valid during one call
}

// NewConn returns c as a connection to put under tls.Server or tls.Client.
func NewConn(c net.Conn) net.Conn { return &Conn{Conn: c} }

// detach hands out the wrapped connection; the caller owns it.
func (c *Conn) detach() net.Conn {
	inner := c.Conn
	c.Conn = nil
	return inner
}

// Read takes ciphertext. When there is none left it returns errNothing, which
// crypto/tls does not hold against the connection.
func (c *Conn) Read(p []byte) (int, error) {
	if c.Conn != nil {
		return c.Conn.Read(p)
	}
	if len(c.in) == 0 {
		if c.end != nil {
			return 0, c.end
		}
		return 0, errNothing
	}
	n := copy(p, c.in)
	c.in = c.in[n:]
	return n, nil
}

// Write takes all of p: the loop writes it to the socket or queues it.
func (c *Conn) Write(p []byte) (int, error) {
	if c.Conn != nil {
		return c.Conn.Write(p)
	}
	if c.out == nil {
		return 0, io.ErrClosedPipe
	}
	*c.out = append(*c.out, p...)
	return len(p), nil
}

// Close closes the wrapped connection. Once detached the socket is the loop's.
func (c *Conn) Close() error {
	if c.Conn != nil {
		return c.Conn.Close()
	}
	return nil
}

// SetDeadline has no effect once detached: the loop has timers of its own.
func (c *Conn) SetDeadline(t time.Time) error {
	if c.Conn != nil {
		return c.Conn.SetDeadline(t)
	}
	return nil
}

// SetReadDeadline has no effect once detached.
func (c *Conn) SetReadDeadline(t time.Time) error {
	if c.Conn != nil {
		return c.Conn.SetReadDeadline(t)
	}
	return nil
}

// SetWriteDeadline has no effect once detached.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	if c.Conn != nil {
		return c.Conn.SetWriteDeadline(t)
	}
	return nil
}

// nothing is the error of a read that would block. crypto/tls makes every
// error permanent but a net.Error that is Temporary.
type nothing struct{}

var errNothing net.Error = nothing{}

func (nothing) Error() string   { return "nothing to read now" }
func (nothing) Timeout() bool   { return true }
func (nothing) Temporary() bool { return true }
