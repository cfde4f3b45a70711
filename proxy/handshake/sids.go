package handshake

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"usher/proxy/auth"
	"usher/proxy/engineio"
	"usher/proxy/headers"
	"usher/proxy/refusal"
	"usher/proxy/route"
)

// A route without namespaces leaves Engine.IO to its upstream. Where it has auth,
// usher looks at the answers that give a sid, as the sid stands from then on for who
// was let in.

var (
	errSIDs = refusal.UnknownSID(refusal.Protocol, "the request has more than one sid")

	// errNotBegun is for an upgrade: a server gives the whole of a session that has begun
	// by WebSocket to who upgrades it, and of that one nobody knows whose it is. Clients
	// go on by polling.
	errNotBegun = refusal.UnknownSID(refusal.Auth, "nobody was seen to begin the session that is to be upgraded")
)

// sidOf names the Engine.IO session of a request by its query, with no sid for one
// that begins a session; it is the zero value for what is not Engine.IO's at all. Of
// two sids an upstream may take either.
func sidOf(m route.Match, query string) (at auth.SID, err error) {
	if !engineio.Speaks(query) {
		return at, nil
	}
	at.Upstream, at.Route, at.Path = m.Route.Upstream.Name, m.Route.Identity, m.Path
	values, _ := url.ParseQuery(query) // what is broken in it is no sid that anybody has given
	switch list := values["sid"]; {
	case len(list) > 1:
		return at, errSIDs
	case len(list) == 1:
		at.SID = list[0]
	}
	return at, nil
}

// begun returns the session of a sid that stands for its client, nil for none.
func (h *Handler) begun(r *http.Request, at auth.SID) *auth.Begun {
	if at.SID == "" || r.Method != http.MethodGet && r.Method != http.MethodPost && !isStream(r) {
		return nil
	}
	return h.SIDs.Find(at)
}

// sidOfClaim is sidOf where somebody asks who comes.
func (h *Handler) sidOfClaim(q wish) (at auth.SID, err error) {
	if h.Auth[q.match.Route.Auth] == nil {
		return at, nil
	}
	return sidOf(q.match, q.query)
}

// authorizePlain is authorize for what is no upgrade. What w and r are from then on
// is returned: a session that begins is noted, and one that goes on is cut off when
// what its client was let in by ends, which is as a loss to both ends. The caller
// calls done behind the answer.
func (h *Handler) authorizePlain(w http.ResponseWriter, r *http.Request, m route.Match, query string, s *headers.Sender) (_ http.ResponseWriter, _ *http.Request, done func(), err error) {
	done = func() {}
	if h.Auth[m.Route.Auth] == nil {
		return w, r, done, nil
	}
	at, err := sidOf(m, query)
	if err != nil {
		return w, r, done, err
	}
	g, err := h.authorize(w, r, m.Route, s, at)
	switch {
	case err != nil || at == auth.SID{}:
	case at.SID == "" && r.Method == http.MethodGet:
		delete(r.Header, "Accept-Encoding") // so that the sid can be read
		gate, sender := h.Auth[m.Route.Auth], *s
		w = &beginning{ResponseWriter: w, begins: func(sid string) {
			at.Path, at.SID = strings.Clone(at.Path), sid
			h.SIDs.Add(gate.Begin(at, r, sender, g, time.Now()))
		}}
	case at.SID != "" && g.Expires != 0:
		ctx, cancel := context.WithDeadlineCause(r.Context(), time.Unix(g.Expires, 0), auth.ErrOver)
		r, done = r.WithContext(ctx), cancel
	}
	return w, r, done, err
}

// beginning is the answer to a request that may begin a session.
type beginning struct {
	http.ResponseWriter
	begins func(sid string) // nil when there is nothing more to find
	head   []byte           // of the body
}

// WriteHeader implements http.ResponseWriter.
func (o *beginning) WriteHeader(status int) {
	if status >= http.StatusMultipleChoices {
		o.begins = nil
	}
	o.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (o *beginning) Write(p []byte) (int, error) {
	if o.begins != nil {
		o.head = slices.Concat(o.head, p[:min(len(p), engineio.MostOpening)])
		if sid := engineio.OpenedSID(o.head); sid != "" {
			o.begins(sid)
			o.begins = nil
		} else if len(o.head) >= engineio.MostOpening {
			o.begins = nil
		}
	}
	return o.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (o *beginning) Unwrap() http.ResponseWriter { return o.ResponseWriter }
