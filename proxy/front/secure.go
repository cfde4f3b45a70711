package front

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"time"

	"usher/proxy/certs"
	"usher/proxy/http2"
	"usher/proxy/refusal"
	"usher/proxy/socket"
)

// errPlain is for clients that speak HTTP where they should speak TLS.
var errPlain = &refusal.Error{Status: http.StatusBadRequest, Reason: refusal.Head, Rule: "this port speaks TLS: use https or wss"}

// workers make the handshakes of TLS, whose arithmetic would hold up a loop's
// other sockets. So many of them count at a time as there are processors: a
// storm of clients must not fill all that the loops could have.
type workers chan struct{}

// patient is a connection whose reader lets another worker count while it waits.
type patient struct {
	net.Conn
	turns workers
}

// pause lets another worker count until resume is called.
func (w workers) pause() (resume func()) {
	<-w
	return func() { w <- struct{}{} }
}

// Read implements net.Conn.
func (p patient) Read(b []byte) (int, error) {
	defer p.turns.pause()()
	return p.Conn.Read(b)
}

// secure has a worker make the TLS handshake of a client, whose hello is whole.
func (c *client) secure() {
	server, hello := c.from.server, c.head
	c.head = nil
	tcp, err := c.takeConn()
	if err != nil {
		server.inflight.remove(c)
		return
	}
	server.serving.Go(func() { server.secure(c, tcp, hello) })
}

// secure makes the TLS handshake of a client which has sent hello on tcp, and
// gives the connection to who goes on with it.
func (s *Server) secure(c *client, tcp net.Conn, hello []byte) {
	under := socket.NewDetachable(patient{tcp, s.workers})
	under.Feed(hello, nil)
	if c.how.Own {
		under.Watch(false)
	}
	conn := tls.Server(under, c.how.TLS)
	ctx, cancel := context.WithTimeout(certs.WithPause(s.inflight.wanted, s.workers.pause), c.from.timeout)
	defer cancel()
	s.workers <- struct{}{}
	err := conn.HandshakeContext(ctx)
	<-s.workers
	under.Conn = tcp
	if err != nil {
		c.from.refuseTLS(conn, err)
		s.inflight.remove(c)
		return
	}
	s.refusals.CountTLS(refusal.Secured)
	switch state := conn.ConnectionState(); {
	case certs.IsChallenge(state): // it was made to see a certificate
		conn.Close()
		s.inflight.remove(c)
	case state.NegotiatedProtocol == http2.Protocol:
		under.Unwatch()
		h2 := http2.NewConn(conn, c.how.WebSocket)
		s.inflight.swap(c, h2, greeted)
		if !s.h2.Hand(h2) {
			s.inflight.remove(h2)
		}
	default:
		c.tls, c.stage = &state, saysHead
		s.seat(c, conn, nil)
	}
}

// refuseTLS closes a connection on which no TLS came about.
func (l *Listener) refuseTLS(conn *tls.Conn, err error) {
	defer conn.Close()
	out, refusals := outcomeOf(err), l.server.refusals
	if out != refusal.SpokePlain {
		refusals.NoteTLS(out, conn.ConnectionState().ServerName, conn.RemoteAddr(), l.Addr(), err)
		return
	}
	refusals.CountTLS(out)
	if re, _ := errors.AsType[tls.RecordHeaderError](err); re.Conn != nil {
		re.Conn.SetWriteDeadline(time.Now().Add(answerTimeout))
		refusals.RefuseRaw(re.Conn, l.Addr(), errPlain) //nolint:errcheck // it has gone, then
	}
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
