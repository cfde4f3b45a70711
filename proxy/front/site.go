package front

import (
	"context"
	"net"
	"net/http"

	"usher/proxy/certs"
	"usher/proxy/headers"
)

// Site is what requests are served by: that of one routes file. It does not
// change; a request ends with the one that it began with.
type Site struct {
	Handler http.Handler // of what comes to a route, in origin form
	Refuser
	Headers headers.Rules
	Certs   *certs.Keeper // answers an authority's challenges; nil for none
	Port    int           // of the URLs that clients are led to; 0 for the scheme's own
}

// Refuser answers a request that breaks a rule, whose answer has not begun.
type Refuser interface {
	Refuse(w http.ResponseWriter, r *http.Request, err error)
}

// Serve has site serve the requests that come from now on.
func (s *Server) Serve(site *Site) { s.site.Store(site) }

// leadsKey is in the context of connections on a listener that redirects.
type leadsKey struct{}

// connContext is the server's hook of that name.
func (s *Server) connContext(ctx context.Context, c net.Conn) context.Context {
	if plain, ok := c.(*conn); ok && plain.leads {
		ctx = context.WithValue(ctx, leadsKey{}, true)
	}
	return s.context(ctx, c)
}

// serve answers what never comes to a route, and passes on the rest.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	site := s.site.Load()
	s.hints.look(site.Headers, r)
	if err := originForm(site.Headers, r); err != nil {
		site.Refuse(w, r, err)
		return
	}
	if r.TLS == nil && site.servePlain(w, r) {
		return
	}
	site.Handler.ServeHTTP(w, r)
}
