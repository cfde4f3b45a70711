package front

import (
	"context"
	"net"
	"net/http"
	"time"

	"usher/proxy/certs"
	"usher/proxy/config"
	"usher/proxy/handshake"
	"usher/proxy/headers"
	"usher/proxy/http2"
	"usher/proxy/plain"
	"usher/proxy/relay"
)

// Handler serves the requests of clients. The sender is asked for once a
// request, as it is who is told of it.
type Handler interface {
	// Serve serves what comes to a route, in origin form. It calls Enter or Pass
	// of the Server.
	Serve(w http.ResponseWriter, r *http.Request, sender headers.Sender)
	// Begin returns the handshake that r asks for at now, if it can be driven by
	// a loop, and nil if Serve is to serve r.
	Begin(r *http.Request, sender headers.Sender, now time.Time) *handshake.Exchange
	// Join gives the relay what a handshake of Begin has come to, and the seats of
	// both connections. It is called on their loop.
	Join(p handshake.Pair, client, upstream *relay.Seat)
	// Refuse answers a request that breaks a rule, whose answer has not begun.
	Refuse(w http.ResponseWriter, r *http.Request, sender headers.Sender, err error)
}

// Site is what requests are served by: that of one routes file. It does not
// change; a request ends with the one that it began with.
type Site struct {
	Handler
	Headers headers.Rules
	Certs   *certs.Keeper // answers an authority's challenges; nil for none
	Terms   plain.Terms   // of requests, until they come to a route
	Quota   config.Quota  // of connections
	Port    int           // of the URLs that clients are led to; 0 for the scheme's own
}

// Serve has site serve the requests that come from now on.
func (s *Server) Serve(site *Site) { s.site.Store(site) }

type connKey struct{}

// connContext is the server's hook of that name.
func (s *Server) connContext(ctx context.Context, c net.Conn) context.Context {
	return s.context(context.WithValue(ctx, connKey{}, c), c)
}

// connOf returns the connection of r.
func connOf(r *http.Request) net.Conn {
	if r.ProtoMajor == 2 {
		return http2.ConnOf(r)
	}
	return r.Context().Value(connKey{}).(net.Conn)
}

// serve answers what never comes to a route, and passes on the rest.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if c, ok := connOf(r).(accepted); ok {
		if serve := c.following(); serve != nil {
			s.Pass(r)
			serve(plain.NewUpgrade(w, s.site.Load().Terms), r)
			return
		}
	}
	site, came := s.site.Load(), time.Now()
	// A handshake has a connection of its own from here on, unless it has a body,
	// and is none.
	if !handshake.IsUpgrade(r) || r.ProtoMajor == 1 && r.Body != http.NoBody {
		var x *plain.Exchange
		x, r = plain.Bound(w, r, site.Terms)
		plain.Count(x, s.requests, r.Method, came)
		defer x.End()
		w = x
	} else {
		u := plain.NewUpgrade(w, site.Terms)
		defer u.End()
		w = u
	}
	sender := site.Headers.Sender(r)
	plain.Log(w, s.access.Begin(r, sender, came))
	s.hints.look(site.Headers, r, sender)
	if err := originForm(r, sender); err != nil {
		site.Refuse(w, r, sender, err)
		return
	}
	if r.TLS == nil && site.servePlain(w, r, sender) {
		return
	}
	site.Serve(w, r, sender)
}

// refuse answers what HTTP/2 does not serve.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	s.Pass(r)
	site := s.site.Load()
	site.Refuse(w, r, site.Headers.Sender(r), err)
}
