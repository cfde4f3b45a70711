package front

import (
	"errors"
	"io"
	"net"
	"os"
	"time"

	"usher/proxy/proxyproto"
	"usher/proxy/socket"
)

// departSoon implements departing, for a guest that waits for its next request.
func (c *conn) departSoon() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rests && c.movable() != nil {
		c.SetReadDeadline(time.Unix(1, 0)) // it is not read any more
	}
}

// readNext is readAhead for a guest that may depart before it has begun with its
// next request: it is given what of that has come, and net/http sees its end.
func (c *conn) readNext(p []byte) (n int, err error) {
	if c.state != waiting {
		return c.readAhead(p)
	}
	d := c.client.from.server.departures
	if c.mu.Lock(); !d.open.Load() {
		c.rests = true
		c.mu.Unlock()
		n, err = c.readAhead(p)
		c.mu.Lock()
		c.rests = false
	}
	defer c.mu.Unlock()
	if below := c.movable(); d.open.Load() && below != nil && (err == nil || errors.Is(err, os.ErrDeadlineExceeded)) {
		if c.left = d.add(departure{c.again(), below, append(p[:n:n], c.held...)}); c.left {
			return 0, io.EOF
		}
	}
	return n, err
}

// movable returns the connection below if another process can have it, nil if not.
func (c *conn) movable() net.Conn {
	below := c.Conn
	if p, ok := below.(*proxyproto.Conn); ok {
		below = p.Conn
	}
	if _, ok := socket.Descriptor(below); !ok || c.serve != nil {
		return nil
	}
	return below
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
