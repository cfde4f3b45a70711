package front

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"usher/proxy/certs"
	"usher/proxy/http2"
	"usher/proxy/refusal"
	"usher/proxy/socket"
)

// errPlain is for clients that speak HTTP where they should speak TLS.
var errPlain = &refusal.Error{Status: http.StatusBadRequest, Reason: refusal.Head, Rule: "this port speaks TLS: use https or wss"}

// errChallenge is what is left to say on a connection that was made to see a
// certificate.
var errChallenge = errors.New("the handshake was a challenge of an authority")

// errHandedOver ends net/http's HTTP/1 side of a connection that is HTTP/2.
var errHandedOver = errors.New("the connection went to HTTP/2")

// tlsConn is a conn on a TLS listener. net/http asks it for the state before
// it reads, in the connection's own goroutine: that is where the handshake is
// made, so that a slow one holds up nobody else.
type tlsConn struct {
	conn
	tls       *tls.Conn
	websocket bool        // also by HTTP/2
	handed    atomic.Bool // to h2; whoever stops the server may ask at any time
}

// newTLSConn puts TLS on tcp, in such a way that the relay can take the socket
// from under it later.
func newTLSConn(tcp net.Conn, how *Speech, from *Listener) *tlsConn {
	t := tls.Server(socket.NewDetachable(tcp), how.TLS)
	return &tlsConn{conn: newConn(t, from), tls: t, websocket: how.WebSocket}
}

// ConnectionState makes the handshake and returns what came of it. If it
// failed, the connection is closed and the first read says so.
func (c *tlsConn) ConnectionState() tls.ConnectionState {
	ctx, cancel := context.WithTimeout(context.Background(), c.from.timeout)
	defer cancel()
	if err := c.tls.HandshakeContext(ctx); err != nil {
		c.refuse(err)
	}
	state := c.tls.ConnectionState()
	switch {
	case certs.IsChallenge(state):
		c.conn.err = errChallenge
		c.Close()
	case state.NegotiatedProtocol == http2.Protocol:
		c.handOver()
	}
	return state
}

func (c *tlsConn) refuse(err error) {
	if re, ok := errors.AsType[tls.RecordHeaderError](err); ok && re.Conn != nil && looksLikeHTTP(re.RecordHeader) {
		re.Conn.SetWriteDeadline(time.Now().Add(answerTimeout))
		err = errors.New("the client spoke plain HTTP on a TLS port")
		if e := c.from.server.refusals.RefuseRaw(re.Conn, c.from.Addr(), errPlain); e != nil {
			err = e
		}
	}
	c.from.log.Debug("tls handshake", "client", c.RemoteAddr().String(), "error", err)
	c.conn.err = fmt.Errorf("tls handshake: %w", err)
	c.Close()
}

// looksLikeHTTP tells whether the five bytes that should have been a record
// header are the beginning of a request line.
func looksLikeHTTP(header [5]byte) bool {
	switch string(header[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO", "PATCH", "DELET":
		return true
	}
	return false
}

// handOver gives the TLS connection away. Nobody touches it through c any more.
func (c *tlsConn) handOver() {
	c.conn.Conn = gone{c.tls}
	c.conn.err = errHandedOver
	c.handed.Store(true)
	server, h2 := c.from.server, http2.NewConn(c.tls, c.websocket)
	server.inflight.add(h2, greeted)
	if !server.h2.Hand(h2) {
		server.inflight.remove(h2)
	}
}

// Close closes the connection, unless it was handed over.
func (c *tlsConn) Close() error {
	if c.handed.Load() {
		return nil
	}
	c.endWatch()
	return c.tls.Close()
}
