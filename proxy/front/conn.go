package front

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
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
	// watchDelay is how long a request is served before it is noticed that its
	// client has gone. Most are over by then, and their socket was not waited
	// for.
	watchDelay = 20 * time.Millisecond
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
	held    []byte        // read from the socket, not passed on yet
	err     error         // for every further read but raw ones
	state   connState     // as net/http has told
	noWatch chan struct{} // holds one when net/http ends the watch of a client
	from    *Listener     // that accepted it; static
	leads   bool          // to https; as its listener then
}

func newConn(below net.Conn, from *Listener) conn {
	return conn{Conn: below, from: from, noWatch: make(chan struct{}, 1)}
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
func Unwrap(c net.Conn) (inner net.Conn, held []byte) {
	if own, ok := c.(accepted); ok {
		return own.unwrap()
	}
	return c, nil // the end of a stream's pair
}

// accepted is what this package does with every accepted connection.
type accepted interface {
	net.Conn
	// follow is told net/http's state of the connection.
	follow(state http.ConnState)
	// unwrap returns the connection below and what was read from it but not
	// passed on. The caller owns both, and nobody uses the wrapper any more.
	unwrap() (inner net.Conn, held []byte)
	// resume has net/http read requests again, after a hijack, beginning with
	// what was read meanwhile. Nobody else reads any more.
	resume(early []byte)
}

func (c *conn) unwrap() (net.Conn, []byte) { return c.Conn, c.held }

func (c *conn) resume(early []byte) {
	c.state, c.held, c.checker = waiting, slices.Concat(early, c.held), http1.Checker{}
	select {
	case <-c.noWatch: // whoever had the connection has ended a read of its own
	default:
	}
}

func (c *conn) follow(state http.ConnState) {
	switch {
	case state == http.StateHijacked:
		c.state = raw
	case c.state == answered:
	case state == http.StateActive:
		c.state = serving
		growStack()
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
		return 0, c.watch()
	}
	n, err := c.readAhead(p)
	if c.state == raw {
		return n, err
	}
	for c.state == waiting && n > 0 {
		skipped := c.checker.Skip(p[:n])
		if n = copy(p, p[skipped:n]); n > 0 {
			break
		}
		n, err = c.readAhead(p)
	}
	if n == 0 {
		if c.state == begun && errors.Is(err, os.ErrDeadlineExceeded) {
			c.answer(http.StatusRequestTimeout, "request head took too long")
		}
		return 0, err
	}
	return c.check(p[:n])
}

// watch waits for the end of a client, as net/http reads one byte to do while it
// serves a request. A byte that comes is of the next one, or of another protocol:
// it stays here until its turn comes.
func (c *conn) watch() error {
	delay := time.NewTimer(watchDelay)
	defer delay.Stop()
	select {
	case <-c.noWatch:
		return c.unwatched()
	case <-delay.C:
	}
	if len(c.held) == 0 {
		var next [1]byte
		if n, err := c.Conn.Read(next[:]); n == 0 {
			return err
		}
		c.held = next[:]
	}
	<-c.noWatch
	return c.unwatched()
}

// unwatched is how a read ends that nobody waits for any more.
func (c *conn) unwatched() error {
	return &net.OpError{Op: "read", Net: "tcp", Addr: c.Conn.RemoteAddr(), Err: os.ErrDeadlineExceeded}
}

// SetReadDeadline also ends a watch that has not begun: net/http does so by a
// time long past, and sets none again when the read has ended.
func (c *conn) SetReadDeadline(t time.Time) error {
	switch {
	case t.IsZero():
		select {
		case <-c.noWatch:
		default:
		}
	case t.Unix() <= 1:
		c.endWatch()
	}
	return c.Conn.SetReadDeadline(t)
}

func (c *conn) endWatch() {
	select {
	case c.noWatch <- struct{}{}:
	default:
	}
}

// Close also ends a watch, which may have begun when a body was read to its end
// after the answer.
func (c *conn) Close() error {
	c.endWatch()
	return c.Conn.Close()
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
	err := c.from.server.refusals.RefuseRaw(c.Conn, c.from.Addr(), &refusal.Error{Status: status, Reason: refusal.Head, Rule: rule})
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && err == nil && half.CloseWrite() == nil {
		c.SetReadDeadline(time.Now().Add(lingerTimeout))
		io.CopyN(io.Discard, c.Conn, lingerBytes) //nolint:errcheck // whatever comes is of no interest
	}
}

// growStack makes room for a handshake on the caller's stack, which would else
// be doubled three times on the way and copied each time with more on it. The
// garbage collector takes it back from whoever does not use it. It is net/http's
// goroutine that calls, when a head has been read and is not served yet: there is
// little on the stack then, and a client that never gets so far has none of it.
//
//go:noinline
func growStack() byte {
	var room [9 << 10]byte
	return room[len(os.Args)%len(room)]
}
