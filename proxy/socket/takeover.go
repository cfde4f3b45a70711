package socket

import (
	"crypto/tls"
	"errors"
	"io"
	"net"

	"usher/proxy/tls13"
)

// firstRead is how much room there is at least for what comes.
const firstRead = 2 << 10

// Watch has the records that pass be followed, from before the handshake of the
// tls.Conn over c, so that TakeOver can end that. What it returns is to be the
// KeyLogWriter of a client's tls.Config; that of a server is made by Watched.
func (c *Detachable) Watch(client bool) io.Writer {
	c.watch = tls13.NewWatch(client)
	return c.watch
}

// Watched returns what config is, for a server whose connections are over a
// Detachable that may be watched.
func Watched(config *tls.Config) *tls.Config {
	watched := config.Clone()
	watched.GetConfigForClient = func(hello *tls.ClientHelloInfo) (own *tls.Config, err error) {
		if config.GetConfigForClient != nil {
			if own, err = config.GetConfigForClient(hello); err != nil {
				return nil, err
			}
		}
		under, ok := hello.Conn.(*Detachable)
		if !ok || under.watch == nil {
			return own, nil
		}
		// One for each connection: two clients may say the same random. It has
		// the session tickets of watched.
		if own == nil {
			own = config
		}
		own = own.Clone()
		own.KeyLogWriter = logTo(own.KeyLogWriter, under.watch)
		return own, nil
	}
	return watched
}

// logTo is a writer to both; first may be nil.
func logTo(first, second io.Writer) io.Writer {
	if first == nil {
		return second
	}
	return io.MultiWriter(first, second)
}

// TakeOver ends what t does, a tls.Conn over c past its handshake, if c was
// watched and it is TLS 1.3: s protects the records from now on, and plain is
// what t has opened and nobody has read. Otherwise s is nil, and t goes on.
func (c *Detachable) TakeOver(t *tls.Conn) (s *tls13.Session, plain []byte) {
	if c.watch == nil {
		return nil, nil
	}
	s, ok := c.watch.Session()
	come, below := c.in, c.Conn
	c.Unwatch()
	if !ok {
		return nil, nil
	}
	c.Conn, c.in, c.end = nil, nil, nil
	plain = drain(t)
	c.Conn = below
	s.Feed(come)
	s.Keep()
	return s, plain
}

// drain reads what t has opened, and no further.
func drain(t *tls.Conn) (plain []byte) {
	var b [512]byte
	for {
		n, err := t.Read(b[:])
		plain = append(plain, b[:n]...)
		if err != nil { // ErrNothing, as nothing is fed
			return plain
		}
	}
}

// Unwatch ends what Watch has begun: the tls.Conn over c goes on.
func (c *Detachable) Unwatch() {
	if c.watch != nil {
		c.watch.Clear()
		c.watch, c.whole = nil, 0
	}
}

// readRecord is Read while c is watched: nobody reads ahead of the record that
// has been seen.
func (c *Detachable) readRecord(p []byte) (int, error) {
	if c.whole == 0 {
		if err := c.awaitRecord(); err != nil {
			return 0, err
		}
		if c.watch == nil {
			return c.Read(p)
		}
	}
	n := copy(p, c.in[:c.whole])
	c.in, c.whole = c.in[n:], c.whole-n
	return n, nil
}

// awaitRecord reads until in begins with a whole record, and shows it to the
// watch. What is none crypto/tls is to complain of, unwatched.
func (c *Detachable) awaitRecord() error {
	for {
		n, ok := tls13.RecordSize(c.in)
		switch {
		case !ok:
			c.Unwatch()
			return nil
		case len(c.in) >= n:
			c.whole = n
			if c.watch.Incoming(c.in[:n]); c.watch.Lost() {
				c.Unwatch()
			}
			return nil
		}
		if err := c.readAhead(n); err != nil {
			var later net.Error
			if len(c.in) > 0 && (!errors.As(err, &later) || !later.Timeout()) {
				c.Unwatch() // it gets what has come, and hears of the end behind that
				return nil
			}
			return err
		}
	}
}

// readAhead reads more of a record of n bytes, and of what follows.
func (c *Detachable) readAhead(n int) error {
	if cap(c.in) < n {
		c.in = append(make([]byte, 0, max(n, firstRead)), c.in...)
	}
	k, err := c.Conn.Read(c.in[len(c.in):cap(c.in)])
	c.in = c.in[:len(c.in)+k]
	if k > 0 {
		return nil // the error comes again
	}
	return err
}
