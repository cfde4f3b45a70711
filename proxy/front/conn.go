package front

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"usher/proxy/http1"
	"usher/proxy/refusal"
)

const (
	// answerTimeout is how long a client may take to accept a refusal.
	answerTimeout = time.Second
	// lingerTimeout and lingerBytes bound what is still read after a refusal:
	// closing a socket with unread bytes resets it, and the answer is lost.
	lingerTimeout = 500 * time.Millisecond
	lingerBytes   = 256 << 10
)

// conn is an accepted connection as net/http sees it. It passes on only what
// http1 has checked, and one request at a time, so that what follows an upgrade
// is still here when its handshake is done. Requests that break a rule of the
// wire are answered here: net/http would not say which.
//
// As by net/http's own rules, one goroutine at a time reads, and the state
// changes between two reads.
type conn struct {
	net.Conn
	checker http1.Checker
	held    []byte    // read from the socket, not passed on yet
	err     error     // for every further read but raw ones
	state   connState // as net/http has told
	client  *client   // that it was; static
	serve   following // serves the first request in place of the site; nil for none

	mu    sync.Mutex
	rests bool // guarded by mu: it is being read for the next request
	left  bool // guarded by mu: the connection below is another's
}

func newConn(below net.Conn, of *client) *conn {
	return &conn{Conn: below, client: of}
}

type connState uint8

const (
	waiting  connState = iota // for a request
	begun                     // bytes of a request's head have passed
	serving                   // a request: answers are its handler's
	answered                  // by a refusal, the last answer there is
	raw                       // hijacked: bytes pass unchecked
)

// Unwrap returns the connection below one that was hijacked, and what was read
// from it but not passed on. The caller owns both, and nobody uses c any more.
// One that is tied is a stream of HTTP/2's, of which this process has the rest.
func Unwrap(c net.Conn) (inner net.Conn, held []byte, tied bool) {
	if own, ok := c.(accepted); ok {
		inner, held = own.unwrap()
		return inner, held, false
	}
	return c, nil, true // the end of a stream's pair
}

// accepted is what this package does with every accepted connection.
type accepted interface {
	net.Conn
	// follow is told net/http's state of the connection.
	follow(state http.ConnState)
	// unwrap returns the connection below and what was read from it but not
	// passed on. The caller owns both, and nobody uses the wrapper any more.
	unwrap() (inner net.Conn, held []byte)
	// again returns the client as one that may ask for more.
	again() *client
	// following returns what is to serve the next request in place of the site,
	// once; nil for nothing.
	following() following
}

func (c *conn) unwrap() (net.Conn, []byte) { return c.Conn, c.held }

func (c *conn) again() *client {
	old := c.client
	return &client{from: old.from, how: old.how, tls: old.tls, counts: old.counts, peer: old.peer, stage: saysHead, idle: true, stays: old.stays}
}

func (c *conn) following() following {
	serve := c.serve
	c.serve = nil
	return serve
}

func (c *conn) follow(state http.ConnState) {
	switch {
	case state == http.StateHijacked:
		c.state = raw
	case state == http.StateClosed && c.serve != nil: // before the request has come to a handler
		c.following().forNobody()
	case c.state == answered:
	case state == http.StateActive:
		c.SetWriteDeadline(time.Time{}) // that was the last answer's
		c.state = serving
	case state == http.StateIdle:
		c.state = waiting
	}
}

// Read reads bytes of requests that are well formed so far.
func (c *conn) Read(p []byte) (int, error) {
	if c.state != raw && c.err != nil {
		return 0, c.refuse()
	}
	if c.state == serving && len(p) == 1 {
		return c.watch(p)
	}
	n, err := c.readNext(p)
	if c.state == raw {
		return n, err
	}
	for c.state == waiting && n > 0 {
		skipped := c.checker.Skip(p[:n])
		if n = copy(p, p[skipped:n]); n > 0 {
			break
		}
		n, err = c.readNext(p)
	}
	if n == 0 {
		if c.state == begun && errors.Is(err, os.ErrDeadlineExceeded) {
			c.answer(http.StatusRequestTimeout, "request head took too long")
		}
		return 0, err
	}
	return c.check(p[:n])
}

// watch is how net/http notices the end of a client while it serves a request:
// by reading one byte. That is the first of the next request, or of another
// protocol if this one is taken over, so that nothing is said against it now.
func (c *conn) watch(p []byte) (int, error) {
	for {
		n, err := c.readAhead(p)
		if n == 0 {
			return 0, err
		}
		if c.checker.Skip(p) == 0 {
			_, c.err = c.checker.Check(p)
			return n, nil
		}
	}
}

func (c *conn) readAhead(p []byte) (int, error) {
	if len(c.held) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.held)
	if c.held = c.held[n:]; len(c.held) == 0 {
		c.held = nil
	}
	return n, nil
}

// check returns how much of p may be passed on, and keeps the rest. Of what
// breaks a rule nothing is passed on, not even the sound part.
func (c *conn) check(p []byte) (n int, err error) {
	n, c.err = c.checker.Check(p)
	if c.err != nil {
		return 0, c.refuse()
	}
	if n < len(p) {
		c.held = slices.Concat(p[n:], c.held)
	}
	if c.state == waiting {
		c.state = begun
	}
	return n, nil
}

// refuse answers a request that breaks a rule, unless another answer may be
// under way, and returns an error at which net/http says nothing more.
func (c *conn) refuse() error {
	if broken, ok := errors.AsType[*http1.Error](c.err); ok && c.state != serving {
		c.answer(broken.Status, broken.Rule)
	}
	c.state = answered
	return &net.OpError{Op: "read", Net: "tcp", Addr: c.RemoteAddr(), Err: c.err}
}

// answer writes a refusal, and waits until the client has had a chance to read
// it. It does so once; the connection is of no use any more.
func (c *conn) answer(status int, rule string) {
	if c.state == answered {
		return
	}
	c.state = answered
	c.SetDeadline(time.Now().Add(answerTimeout))
	err := c.client.from.server.refusals.RefuseRaw(c.Conn, c.client.from.Addr(), &refusal.Error{Status: status, Reason: refusal.Head, Rule: rule})
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && err == nil && half.CloseWrite() == nil {
		c.SetReadDeadline(time.Now().Add(lingerTimeout))
		io.CopyN(io.Discard, c.Conn, lingerBytes) //nolint:errcheck // whatever comes is of no interest
	}
}
