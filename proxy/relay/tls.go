package relay

import (
	"crypto/tls"
	"errors"
	"net"

	"usher/proxy/socket"
	"usher/proxy/tls13"
)

// guard is what protects a line. It stands apart because most lines have none.
type guard struct {
	secured
	own   *tls13.Session // whose records usher protects; nil with crypto/tls
	place int            // among those of the loop with ciphers, from 1; 0 for none
	used  bool           // since that was looked at
}

// records returns the session whose records usher protects itself, nil if l has
// none.
func (l *line) records() *tls13.Session {
	if l.tls == nil {
		return nil
	}
	return l.tls.own
}

// secured is how what comes and goes over a line is protected: by crypto/tls, or
// by records of usher's own.
type secured interface {
	// kept copies to p what has come before of a record that was not whole.
	kept(p []byte) int
	// feed gives it ciphertext, which begins with what it kept, and the end
	// behind it, nil if there may be more. raw is used until settle.
	feed(raw []byte, end error)
	// open returns how much of p it has filled with plaintext, and what is to be
	// said to the peer, behind out. Its error is socket.ErrNothing if a record is
	// incomplete.
	open(p, out []byte) (n int, reply []byte, err error)
	// settle lets go of what was fed.
	settle()
	// seal appends p as ciphertext.
	seal(out, p []byte) ([]byte, error)
	// end appends the alert that ends the stream (RFC 8446, 6.1), once.
	end(out []byte) ([]byte, error)
	// leave returns the net.Conn over c that goes on where the line was.
	leave(c net.Conn) net.Conn
	// over says that the socket is closed.
	over()
}

// secure returns what protects c, nil for nothing, and the connection below; and
// what was opened of it already and nobody has read.
func secure(c net.Conn) (g *guard, below net.Conn, plain []byte, err error) {
	switch c := c.(type) {
	case *tls.Conn:
		under, ok := c.NetConn().(*socket.Detachable)
		if !ok {
			c.Close()
			return nil, nil, nil, errNoSocket(c)
		}
		own, plain := under.TakeOver(c)
		if below = under.Detach(); below == nil {
			return nil, nil, nil, errNoSocket(c)
		}
		if own != nil {
			return newGuard(own), below, plain, nil
		}
		return &guard{secured: &stockTLS{conn: c, under: under}}, below, nil, nil
	case *socket.Secured:
		below, own, plain := c.Release()
		return newGuard(own), below, plain, nil
	}
	return nil, c, nil, nil
}

func newGuard(own *tls13.Session) *guard {
	return &guard{secured: &ownTLS{Session: own}, own: own}
}

// decrypt gives l's user what raw, ciphertext from l that ends with end, holds. It
// returns the end of l's input, or nil if there may be more.
func (lp *loop) decrypt(l *line, raw []byte, end error) error {
	if errors.Is(end, socket.ErrNothing) {
		end = nil
	}
	l.tls.feed(raw, end)
	return lp.unseal(l)
}

// unseal gives l's user what there is and was not read. What is left when l is no
// line any more is its successor's, if it has one.
func (lp *loop) unseal(l *line) error {
	for !l.is(vacated | closed) {
		held := copy(lp.buffer, l.held)
		n, err := lp.readTLS(l, lp.buffer[held:held+bufferSize:held+bufferSize+openRoom])
		if n > 0 {
			l.user.take(lp, l, lp.buffer[:held+n], n)
		}
		if err != nil && !l.is(vacated|closed) {
			l.tls.settle() // what is fed is the loop's
			if errors.Is(err, socket.ErrNothing) {
				return nil
			}
			return err
		}
	}
	return nil
}

// readTLS reads plaintext until p is full or there is an error.
func (lp *loop) readTLS(l *line, p []byte) (n int, err error) {
	lp.warm(l)
	n, lp.sealed, err = l.tls.open(p, lp.sealed[:0])
	lp.sendSealed(l) // what is answered by itself, such as a key update
	return n, err
}

// writeTLS writes p to the TLS line l.
func (lp *loop) writeTLS(l *line, p []byte) {
	if l.is(deaf | closed) {
		return
	}
	var err error
	lp.warm(l)
	if lp.sealed, err = l.tls.seal(lp.sealed[:0], p); err != nil {
		lp.fail(l) // of TLS itself: what is under it takes everything
	}
	lp.sendSealed(l)
}

// sayGoodbye writes the alert that ends a TLS stream.
func (lp *loop) sayGoodbye(l *line) {
	var err error
	lp.warm(l)
	if lp.sealed, err = l.tls.end(lp.sealed[:0]); err != nil {
		lp.fail(l)
	}
	lp.sendSealed(l)
}

func (lp *loop) sendSealed(l *line) {
	if len(lp.sealed) > 0 {
		lp.put(l, lp.sealed)
	}
}
