package socket

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"usher/proxy/tls13"
)

const (
	sealedAtOnce = 32 << 10 // bytes of a Write
	// endTimeout is how long a peer may take to accept that nothing follows.
	endTimeout = 5 * time.Second
)

// Secured is a connection of TLS 1.3 whose records a Session protects. It
// behaves as a tls.Conn does after its handshake.
type Secured struct {
	net.Conn // below; whoever has just made the Secured may put another in its place

	// owned by who reads
	reading sync.Mutex
	session *tls13.Session // what opens; what seals is the writers'
	raw     []byte         // where what has come stands
	plain   []byte         // opened, and not read

	// owned by who writes
	writing sync.Mutex
	sealed  []byte
	broken  error // a record was written in part
}

// NewSecured returns below, protected by s, which the Secured owns.
func NewSecured(below net.Conn, s *tls13.Session) *Secured {
	return &Secured{Conn: below, session: s}
}

// Release returns what c is made of, and what was opened and not read. Nobody
// uses c any more.
func (c *Secured) Release() (below net.Conn, s *tls13.Session, plain []byte) {
	c.session.Keep()
	return c.Conn, c.session, c.plain
}

// Read implements net.Conn.
func (c *Secured) Read(p []byte) (int, error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	for len(c.plain) == 0 {
		if len(p) == 0 {
			return 0, nil
		}
		if err := c.open(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.plain)
	c.plain = c.plain[n:]
	return n, nil
}

// open opens the next record, or reads more of it.
func (c *Secured) open() (err error) {
	c.plain, err = c.session.Open(nil)
	if c.session.Owes() {
		c.reply()
	}
	switch {
	case errors.Is(err, tls13.ErrShort):
		return c.fill()
	case errors.Is(err, tls13.ErrHandedOn):
		return net.ErrClosed
	}
	return err
}

func (c *Secured) fill() error {
	into := c.raw
	if want := c.session.Wants(); cap(into) < want {
		into = make([]byte, max(want, firstRead))
	}
	into = into[:cap(into)]
	come := copy(into, c.session.Rest())
	c.raw = into
	n, err := c.Conn.Read(into[come:])
	c.session.Feed(into[:come+n])
	switch {
	case n > 0: // the error comes again
		return nil
	case errors.Is(err, io.EOF) && come > 0:
		return io.ErrUnexpectedEOF
	}
	return err
}

// reply says what the session has to say by itself. If that fails, the next
// write tells.
func (c *Secured) reply() {
	c.writing.Lock()
	defer c.writing.Unlock()
	sealed, err := c.session.Reply(nil)
	if err == nil && c.broken == nil {
		_, c.broken = c.Conn.Write(sealed)
	}
}

// Write implements net.Conn. After one that has failed all do: the peer may have
// half a record.
func (c *Secured) Write(p []byte) (n int, err error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	for len(p) > 0 {
		if c.broken != nil {
			return n, c.broken
		}
		part := p[:min(len(p), sealedAtOnce)]
		if c.sealed, err = c.session.Seal(c.sealed[:0], part); err != nil {
			if errors.Is(err, tls13.ErrHandedOn) {
				err = net.ErrClosed
			}
			return n, err
		}
		if _, c.broken = c.Conn.Write(c.sealed); c.broken == nil {
			n += len(part)
			p = p[len(part):]
		}
	}
	return n, nil
}

// CloseWrite tells the peer that nothing follows. The connection below stays as
// it is.
func (c *Secured) CloseWrite() error {
	c.writing.Lock()
	defer c.writing.Unlock()
	return c.end()
}

func (c *Secured) end() error {
	sealed, err := c.session.End(nil)
	switch {
	case c.broken != nil:
		return c.broken
	case err != nil || len(sealed) == 0:
		return err
	}
	c.Conn.SetWriteDeadline(time.Now().Add(endTimeout))
	_, c.broken = c.Conn.Write(sealed)
	return c.broken
}

// Close tells the peer that nothing follows, unless a write is under way, and
// closes the connection.
func (c *Secured) Close() error {
	if c.writing.TryLock() {
		c.end() //nolint:errcheck // it is closed all the same
		c.writing.Unlock()
	}
	err := c.Conn.Close()
	c.reading.Lock() // which ends: the connection below is closed
	defer c.reading.Unlock()
	c.writing.Lock()
	defer c.writing.Unlock()
	c.session.Clear()
	return err
}
