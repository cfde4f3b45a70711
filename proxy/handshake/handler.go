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
	"time"

	"usher/proxy/auth"
	"usher/proxy/headers"
	"usher/proxy/limits"
	"usher/proxy/pages"
	"usher/proxy/plain"
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
	Pages     pages.Set       // that routes answer with
	Auth      auth.Set        // has the gates of all routes with auth
	Marker    *session.Marker // of the sessions; nil for no marks
	Tracer    *tracing.Tracer // of the handshakes

	// Shared by all handlers of a server; nil for no limits, and for no questions.
	Rechecks    *auth.Rechecks
	SIDs        *auth.SIDs
	Open        *limits.Sessions
	Requests    *limits.Requests
	Connections *limits.Connections

	// Admit, if not nil, says why no session may begin on a route with an
	// upstream, nil if one may.
	Admit func(route, upstream string) error
	// Adopt takes ownership of both connections of the pair; nothing of the
	// handshake touches them again.
	Adopt func(Pair)
	// Messages serves a claim whose route says "relay: messages". Everything
	// that can be checked without an upstream has been checked; Finish does the
	// rest.
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
	q, err := h.find(r)
	if m := q.match; q.path == "*" && (errors.Is(err, route.ErrNoRoute) || errors.Is(err, route.ErrUpgradesOnly) || err == nil && (len(m.Route.Namespaces) > 0 || m.Route.Answer() != "")) {
		refusal.TellOptions(w)
		return nil
	}
	if err == nil {
		err = h.enter(r, q)
		plain.Route(w, r.Pattern, q.match.Route.Route, h.Pages)
	}
	switch {
	case err != nil:
		return err
	case q.match.Route.Answer() != "":
		sender.Trace.Routed(q.match.Route.String(), "")
		return h.serveOwn(w, r, q, sender)
	}
	if err := h.admitClient(q.match.Route, sender); err != nil {
		return err
	}
	if _, err := h.ask(q.match.Route, sender, time.Now()); err != nil {
		return err
	}
	switch {
	case len(q.match.Route.Namespaces) > 0:
		sender.Trace.Routed(q.match.Route.String(), "")
		return h.split(w, r, Visit{
			Match: q.match, Query: q.query, Sender: sender, Upgrade: q.upgrade, Marker: h.Marker, Tracer: h.Tracer, offer: q.offer, handler: h,
		})
	case q.upgrade:
		sender.Trace.Routed(q.match.Route.String(), q.match.Route.Upstream.Name)
		c, err := h.newClaim(q, sender)
		if err != nil {
			return err
		}
		return h.serveUpgrade(w, r, c)
	}
	return h.servePlain(w, r, q, sender)
}

// wish is what a request asks for.
type wish struct {
	path, query string // as the client has sent them
	upgrade     bool
	offer       offer // of an upgrade
	match       route.Match
}

// find says what r asks for. An error says why it asks for nothing that is here.
func (h *Handler) find(r *http.Request) (q wish, err error) {
	h.Headers.Disown(r.Header)
	if q.path, q.query, err = target(r); err != nil {
		return q, err
	}
	if q.upgrade = IsUpgrade(r); q.upgrade {
		if q.offer, err = checkUpgrade(r); err != nil {
			return q, err
		}
	} else { // of another protocol nobody behind this hears
		delete(r.Header, "Upgrade")
		delete(r.Header, "Http2-Settings")
	}
	if q.match, err = h.Table.Match(r.Host, q.path, q.upgrade); err == nil {
		q.offer.protocols = h.withoutTokens(q.offer.protocols, q.match.Route)
	}
	return q, err
}

// enter begins with the route of r.
func (h *Handler) enter(r *http.Request, q wish) error {
	r.Pattern = q.match.Route.String() // whoever refuses r says so
	if h.Headers.Loops(r.Header) {
		return looped(q.match.Route)
	}
	return nil
}

func (h *Handler) newClaim(q wish, sender headers.Sender) (Claim, error) {
	on := q.match.Route
	at, err := h.sidOfClaim(q)
	return Claim{
		Route: on, Upstream: h.Upstreams.Get(on.Upstream.Name),
		Path: q.match.UpstreamPath(), Query: q.query, Sender: sender,
		EngineIO: speaksEngineIO(q.query), sid: at, offer: q.offer, handler: h,
	}, err
}

// servePlain serves what is no upgrade.
func (h *Handler) servePlain(w http.ResponseWriter, r *http.Request, q wish, sender headers.Sender) error {
	if err := checkPolling(r, q.match.Route, q.query, sender.Host); err != nil {
		return err
	}
	w, r, done, err := h.authorizePlain(w, r, q.match, q.query, &sender)
	if err != nil {
		return err
	}
	defer done()
	if err := plain.Check(r, &q.match.Route.Limits); err != nil {
		return err
	}
	if q.match.Bare() && readsPage(r) && !speaksEngineIO(q.query) {
		addSlash(w, r, q.match.Path, q.query)
		return nil
	}
	if err := h.waits(q.match, q.query); err != nil {
		return err
	}
	h.Forward(w, r, q.match, sender)
	return nil
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
	if err := checkClaim(r, &c); err != nil {
		return err
	}
	if c.sid.SID != "" && h.begun(r, c.sid) == nil {
		return errNotBegun
	}
	var err error
	if c.grant, err = h.authorize(w, r, c.Route, &c.Sender, c.sid); err != nil {
		return err
	}
	if err := h.settleClaim(r, &c); err != nil {
		return err
	}
	if c.Route.Relay == "messages" {
		h.Messages(w, r, c)
		c.seat.leave() // whatever has become of it
		return nil
	}
	x := h.exchange(r, c, time.Now())
	x.Go(w, x.Start(x.began), nil)
	return nil
}

// Begin returns the handshake that r, which s has sent, asks for at now, if
// nothing stands against it and it can be driven without waiting for anything
// but the effects. Else it returns nil, and Serve is to be called.
func (h *Handler) Begin(r *http.Request, s headers.Sender, now time.Time) *Exchange {
	if h.Tracer != nil || isStream(r) || !IsUpgrade(r) {
		return nil
	}
	q, err := h.find(r)
	if err != nil || len(q.match.Route.Namespaces) > 0 || q.match.Route.Answer() != "" || q.match.Route.Relay == "messages" ||
		h.enter(r, q) != nil || h.admitClient(q.match.Route, s) != nil {
		return nil
	}
	c, err := h.newClaim(q, s)
	if err != nil || !c.Upstream.Prompt() || c.sid.SID != "" {
		return nil
	}
	unask, err := h.ask(c.Route, s, now)
	if err != nil {
		return nil
	}
	allowed := checkClaim(r, &c) == nil
	if allowed {
		c.grant, allowed = h.authorizeNow(r, c.Route, &c.Sender, now)
	}
	if !allowed || h.settleClaim(r, &c) != nil {
		unask() // Serve asks
		return nil
	}
	return h.exchange(r, c, now)
}

// checkClaim says whether the page that r comes from may open a socket.
func checkClaim(r *http.Request, c *Claim) error {
	if err := checkOrigin(r.Header["Origin"], c.Sender.Host, c.Route.Origins); err != nil {
		if c.EngineIO {
			err = warns(err, c.Route)
		}
		return err
	}
	return nil
}

// settleClaim makes the last checks that need no upstream, and has c count.
func (h *Handler) settleClaim(r *http.Request, c *Claim) error {
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
	if c.seat, err = h.takeSeat(r, c.Route, c.Sender); err != nil {
		return err
	}
	if err = h.claim(r); err != nil {
		c.seat.leave()
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
