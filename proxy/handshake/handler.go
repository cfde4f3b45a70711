// Package handshake answers an upgrade request: it checks the client's half,
// has the upstream answer its own, verifies that answer, and only then tells
// the client 101 (200 where the upgrade is an extended CONNECT of HTTP/2). What
// follows is frames, and no longer this package's matter.
//
// The order is a promise: everything that can be refused without an upstream is
// refused before one is contacted, and whoever is not verified is never given
// the client's bytes.
package handshake

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"usher/proxy/headers"
	"usher/proxy/refusal"
	"usher/proxy/route"
	"usher/proxy/session"
	"usher/proxy/tracing"
	"usher/proxy/upstream"
)

// Handler serves every request of the listeners: upgrades itself, the rest
// through Forward. The server's ConnContext must be this package's.
type Handler struct {
	*Counters                 // shared by all handlers of a server
	Refusals  *refusal.Writer // likewise

	// Static after construction; all are required but Log, Marker and Tracer, which may be nil.
	Table     *route.Table
	Upstreams *upstream.Pool
	Sessions  *session.Registry
	Headers   headers.Rules
	Log       *slog.Logger
	Marker    *session.Marker // of the sessions; nil for no marks
	Tracer    *tracing.Tracer // of the handshakes

	// Admit, if not nil, says why no session may begin on a route with an
	// upstream, nil if one may.
	Admit func(route, upstream string) error
	// Adopt takes ownership of both connections of the pair; nothing of the
	// handshake touches them again.
	Adopt func(Pair)
	// Messages serves a claim whose route says "relay: messages". Everything
	// that can be checked without an upstream has been checked; the package's
	// Exchange does the rest.
	Messages func(w http.ResponseWriter, r *http.Request, c Claim)
	// Split serves every request of a route with namespaces, as far as its
	// verdict does not say what is left to do.
	Split func(w http.ResponseWriter, r *http.Request, v Visit) Verdict
	// Forward serves a request that is no upgrade.
	Forward func(w http.ResponseWriter, r *http.Request, m route.Match, s headers.Sender)

	buffers bufferPool
}

// Serve finds the route of a request, which s has sent, and serves it.
func (h *Handler) Serve(w http.ResponseWriter, r *http.Request, s headers.Sender) {
	s = h.traced(r, s)
	defer s.Trace.End()
	if err := h.serve(w, r, s); err != nil {
		h.Refusals.Refuse(w, r, s, err)
	}
}

// Refuse refuses a request that is not to come to Serve.
func (h *Handler) Refuse(w http.ResponseWriter, r *http.Request, s headers.Sender, err error) {
	h.Refusals.Refuse(w, r, h.traced(r, s), err)
}

// traced begins the trace of r if that is a handshake.
func (h *Handler) traced(r *http.Request, s headers.Sender) headers.Sender {
	if IsUpgrade(r) {
		s.Trace = trace(h.Tracer, r, s)
	}
	return s
}

func trace(t *tracing.Tracer, r *http.Request, s headers.Sender) *tracing.Handshake {
	return t.Handshake(r, tracing.Caller{ID: s.ID, Client: s.Client, Host: s.Host, Scheme: s.Proto, Trusted: s.Trusted})
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request, sender headers.Sender) error {
	path, query, err := target(r)
	if err != nil {
		return err
	}
	upgrade := IsUpgrade(r)
	var o offer
	if upgrade {
		if o, err = checkUpgrade(r); err != nil {
			return err
		}
	} else { // of another protocol nobody behind this hears
		delete(r.Header, "Upgrade")
		delete(r.Header, "Http2-Settings")
	}
	m, err := h.Table.Match(r.Host, path, upgrade)
	if path == "*" && (errors.Is(err, route.ErrNoRoute) || errors.Is(err, route.ErrUpgradesOnly) || err == nil && len(m.Route.Namespaces) > 0) {
		refusal.TellOptions(w)
		return nil
	}
	if err != nil {
		return err
	}
	r.Pattern = m.Route.String() // whoever refuses r says so
	if h.Headers.Loops(r.Header) {
		return looped(m.Route)
	}
	if len(m.Route.Namespaces) > 0 {
		sender.Trace.Routed(m.Route.String(), "")
		return h.split(w, r, Visit{
			Match: m, Query: query, Sender: sender, Upgrade: upgrade, Marker: h.Marker, Tracer: h.Tracer, offer: o, handler: h,
		})
	}
	if !upgrade {
		if err := checkPolling(r, m.Route, query, sender.Host); err != nil {
			return err
		}
		if m.Bare() && readsPage(r) && !speaksEngineIO(query) {
			addSlash(w, r, m.Path, query)
			return nil
		}
		if err := h.waits(m, query); err != nil {
			return err
		}
		h.Forward(w, r, m, sender)
		return nil
	}
	sender.Trace.Routed(m.Route.String(), m.Route.Upstream.Name)
	return h.serveUpgrade(w, r, Claim{
		Route: m.Route, Upstream: h.Upstreams.Get(m.Route.Upstream.Name),
		Path: m.UpstreamPath(), Query: query, Sender: sender,
		EngineIO: speaksEngineIO(query), offer: o, handler: h,
	})
}

// looped is the answer to a request that has come back: otherwise it would go on
// until there are no descriptors left.
func looped(r *route.Route) error {
	e := refusal.New(http.StatusLoopDetected, refusal.Loop, "request has passed this proxy before")
	e.Err = fmt.Errorf("an upstream of route %s leads back to usher", r)
	return e
}

// serveUpgrade makes the last checks that need no upstream, and then the
// handshake with it.
func (h *Handler) serveUpgrade(w http.ResponseWriter, r *http.Request, c Claim) error {
	if err := checkOrigin(r.Header["Origin"], c.Sender.Host, c.Route.Origins); err != nil {
		if c.EngineIO {
			err = warns(err, c.Route)
		}
		return err
	}
	if h.Admit != nil {
		if err := h.Admit(c.Route.String(), c.Upstream.Name); err != nil {
			return err
		}
	}
	var err error
	if c.lead, err = c.Upstream.Lead(r, c.Query); err != nil {
		return err
	}
	c.Query = c.lead.Query
	if err := h.claim(r); err != nil {
		return err
	}
	if c.Route.Relay == "messages" {
		h.Messages(w, r, c)
		return nil
	}
	p, taken, err := h.exchange(w, r, &c)
	if taken {
		h.Adopt(p)
	}
	return err
}

// target splits a request's target, which is a path, or the asterisk of OPTIONS
// (RFC 9112, 3.2). By HTTP/1 one with a host in it has been taken apart before.
func target(r *http.Request) (path, query string, err error) {
	switch {
	case r.Method == http.MethodConnect && !isStream(r) || r.Method == http.MethodTrace:
		return "", "", refusal.New(http.StatusMethodNotAllowed, refusal.Method, "method %s is not served", r.Method)
	case r.RequestURI == "*" && r.Method == http.MethodOptions:
		return "*", "", nil
	case !strings.HasPrefix(r.RequestURI, "/"):
		return "", "", refusal.New(http.StatusBadRequest, refusal.Path, "request target must begin with a slash (RFC 9112, 3.2.1)")
	case strings.IndexFunc(r.RequestURI, unsafe) >= 0:
		return "", "", refusal.New(http.StatusBadRequest, refusal.Path, "request target has a character that must be escaped (RFC 3986, 2)")
	}
	path, query, _ = strings.Cut(r.RequestURI, "?")
	return path, query, nil
}

func unsafe(c rune) bool { return c <= ' ' || c == 0x7f || c == '#' }

// speaksEngineIO reports whether a query has the parameter by which an
// Engine.IO client tells its protocol.
func speaksEngineIO(query string) bool {
	return strings.HasPrefix(query, "EIO=") || strings.Contains(query, "&EIO=")
}
