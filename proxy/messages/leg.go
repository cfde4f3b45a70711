package messages

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"usher/proxy/session"
	"usher/proxy/ws"
)

// leg is one socket of a session as the library sees it: a net.Conn that
// yields data frames only and never fails. Its Read returns an end when the
// session is over; its Write takes everything.
//
// The library reads a leg in one goroutine and writes it in another; timers
// come on top.
type leg struct {
	// static after construction
	pair     *pair
	peer     *leg
	side     session.Side
	conn     net.Conn
	rules    ws.Rules
	counters *session.Counters
	ping     time.Duration // silence after which it is pinged; 0 is never

	// the library's handshake, before any frame
	greeting greeting
	answer   []byte // of the greeting, for the library to read

	intake intake // owned by the goroutine that reads
	output output // owned by the goroutine that writes

	heard  instant // when the last byte came
	began  instant // when the message began that is open
	pinged instant // when usher last pinged it

	gotClose  atomic.Bool // its Close frame has come: what follows is of no interest
	ignored   atomic.Bool // it broke a rule: what it sends is not looked at
	finished  atomic.Bool // nothing more comes from it, or it was closed
	sentClose atomic.Bool // a Close frame was written to it; set under sending
	deaf      atomic.Bool // writing to it has failed; set under sending

	parting sync.Once  // begins the time that it has to close its socket
	sending sync.Mutex // held while a whole frame is written
}

func (l *leg) init(p *pair, side session.Side, conn net.Conn, early []byte) {
	limits := &p.route.Limits
	l.pair, l.side, l.conn = p, side, conn
	l.rules = ws.Rules{FromClient: side == session.Client, MaxMessage: limits.MaxMessage, MaxFragments: limits.MaxFragments}
	l.intake.bytes = early
}

// settled closes l's socket if there is nothing more to do with it, and tells
// whether that is so. An upstream has time to close its own (RFC 6455, 7.1.1).
func (l *leg) settled() bool {
	switch {
	case l.finished.Load():
	case !l.gotClose.Load() || !l.sentClose.Load():
		return false
	case l.side == session.Upstream:
		l.parting.Do(func() { l.conn.SetReadDeadline(time.Now().Add(partTimeout)) })
		return false
	}
	l.conn.Close()
	return true
}

// part reads an upstream, whose Close frame has come, to its end.
func (l *leg) part() {
	io.Copy(io.Discard, l.conn) //nolint:errcheck // it is over, however that comes
	l.finished.Store(true)
	l.pair.settle()
}

// Close does nothing: the library closes long before the closing handshake is
// over.
func (l *leg) Close() error { return nil }

// LocalAddr returns the socket's.
func (l *leg) LocalAddr() net.Addr { return l.conn.LocalAddr() }

// RemoteAddr returns the socket's.
func (l *leg) RemoteAddr() net.Addr { return l.conn.RemoteAddr() }

// SetDeadline does nothing: the library sets none that the session needs.
func (l *leg) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing.
func (l *leg) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing.
func (l *leg) SetWriteDeadline(time.Time) error { return nil }
