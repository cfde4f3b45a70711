package relay

import (
	"crypto/tls"
	"net"
	"time"

	"usher/proxy/session"
	"usher/proxy/ws"
)

// Leg is one socket of a session as it is handed to Adopt.
type Leg struct {
	Conn  net.Conn // a TCP or unix connection, or a tls.Conn over a Conn made by NewConn
	Early []byte   // bytes that were read behind the handshake
}

type side uint8

const (
	client side = iota
	upstream
)

// of returns the side as it stands in a cause.
func (s side) of() session.Side {
	if s == client {
		return session.Client
	}
	return session.Upstream
}

// leg is one socket of a session. Only its loop touches it.
type leg struct {
	// static after adoption
	pair   *pair
	peer   *leg
	socket socket
	tls    *tls.Conn // nil if plain
	side   side

	// from the leg to its peer
	check   ws.Checker
	held    []byte        // the beginning of a header or of a control frame
	counted uint32        // messages of check that the session's counter has
	began   time.Duration // when the message began that is open, 0 if none is
	heard   time.Duration // when the last byte came

	// to the leg
	backlog *backlog      // what it has not taken yet; nil if nothing
	moved   time.Duration // when it last took something of what waited for it
	pinged  time.Duration // when usher last pinged it
	words   *farewell     // what its Close frame will say, once it is due
	waiting [2]uint32     // the poller's: slot and generation

	state legState
}

// legState is a set of facts about a leg.
type legState uint16

const (
	readable  legState = 1 << iota // there may be something to read
	ending                         // its end is in sight: read until it comes, short reads or not
	queued                         // will be served in the next turn
	ignored                        // its Close frame has come, or it broke a rule: what follows is not looked at
	broken                         // it broke a rule: its socket is closed after it, so that it can read why
	finished                       // nothing more comes from it: end of file or reset
	sentClose                      // a Close frame was written to it: nothing may follow
	dueClose                       // gets a Close frame when the frame on its way is complete
	deaf                           // writing to it has failed: nothing more is written, reading will tell why
	cutting                        // to be closed as soon as its backlog is gone
	shut                           // its socket was shut down for writing
	closed                         // its socket is closed
)

func (l *leg) is(s legState) bool { return l.state&s != 0 }
func (l *leg) set(s legState)     { l.state |= s }
func (l *leg) unset(s legState)   { l.state &^= s }

// backlogged tells whether something waits for l to take it.
func (l *leg) backlogged() bool { return l.backlog != nil }

// under returns what is under a TLS leg's connection.
func (l *leg) under() *Conn { return l.tls.NetConn().(*Conn) }

// atBoundary tells whether what was sent to l ends with a whole frame.
func (l *leg) atBoundary() bool { return l.peer.check.Boundary() }

// init takes l's socket from c and closes c, whatever comes of it.
func (l *leg) init(c net.Conn) (err error) {
	if t, ok := c.(*tls.Conn); ok {
		under, ok := t.NetConn().(*Conn)
		if !ok || under.Conn == nil {
			c.Close()
			return errNoSocket(c)
		}
		l.tls = t
		c = under.detach()
	}
	l.socket, err = takeSocket(c)
	return err
}
