package front

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"usher/proxy/proxyproto"
	"usher/proxy/socket"
)

// departSoon implements departing, for a guest that waits for its next request.
func (c *conn) departSoon() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rests && c.movable() {
		c.SetReadDeadline(time.Unix(1, 0)) // it is not read any more
	}
}

// readNext is readAhead for a guest that may depart before it has begun with its
// next request: it is given what of that has come, and net/http sees its end.
func (c *conn) readNext(p []byte) (n int, err error) {
	if c.state != waiting || c.checker.Started() { // net/http may have its first byte
		return c.readAhead(p)
	}
	d := c.client.from.server.departures
	if c.mu.Lock(); !d.open.Load() || !c.movable() {
		c.rests = true
		c.mu.Unlock()
		n, err = c.readAhead(p)
		c.mu.Lock()
		c.rests = false
	}
	defer c.mu.Unlock()
	if d.open.Load() && c.movable() && (err == nil || errors.Is(err, os.ErrDeadlineExceeded)) {
		next := c.again()
		one := next.departure(c.Conn, append(p[:n:n], c.held...))
		if c.left = true; !d.add(one) {
			c.client.from.server.stay([]departure{one})
		}
		return 0, io.EOF
	}
	return n, err
}

// Moves tells whether the connection of r can go to another process.
func Moves(r *http.Request) bool {
	c, ok := connOf(r).(interface{ movable() bool })
	return ok && c.movable()
}

// movable tells whether another process can have the connection.
func (c *conn) movable() bool {
	below := c.Conn
	if own, ok := below.(*socket.Secured); ok {
		below = own.Conn
	}
	if p, ok := below.(*proxyproto.Conn); ok {
		below = p.Conn
	}
	_, ok := socket.Descriptor(below)
	return ok && c.serve == nil && !c.client.stays
}

// Close closes the connection, unless it is another's.
func (c *conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left {
		return nil
	}
	return c.Conn.Close()
}
