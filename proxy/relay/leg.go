package relay

import (
	"net"
	"time"

	"usher/proxy/session"
	"usher/proxy/ws"
)

// Leg is one socket of a session as it is handed to Adopt.
type Leg struct {
	Conn  net.Conn // a TCP or unix connection, or a tls.Conn over a socket.Detachable
	Early []byte   // bytes that were read behind the handshake
	Tied  bool     // a goroutine of this process has the other end of it: it cannot move

	// Deflate is for the client of a Fan alone: permessage-deflate was agreed
	// with it, without context takeover either way, and these are the bits of
	// the window for what is sent to it; 0 for none.
	Deflate uint8
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

// leg is one line of a pair. Only its loop touches it.
type leg struct {
	line
	pair *pair // static after adoption

	// from the leg to its peer
	check   ws.Checker
	counted uint32 // messages of check that the session's counter has

	// to the leg
	pinged time.Duration // when usher last pinged it
	words  *farewell     // what its Close frame will say, once it is due
}

// peer returns the other leg.
func (l *leg) peer() *leg { return &l.pair.legs[1-l.side] }

// atBoundary tells whether what was sent to l ends with a whole frame.
func (l *leg) atBoundary() bool { return l.peer().check.Boundary() }
