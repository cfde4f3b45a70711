package handshake

import (
	"net/http"
	"slices"
	"time"

	"usher/proxy/auth"
	"usher/proxy/headers"
	"usher/proxy/plain"
	"usher/proxy/route"
	"usher/proxy/session"
)

// authorize has auth let the client of r in, which s has sent and w answers, or say
// why it may not come in. It may wait for others. Who the client is stands in s and
// in r's headers then. A session at that may stand for who it is.
func (h *Handler) authorize(w http.ResponseWriter, r *http.Request, on *route.Route, s *headers.Sender, at auth.SID) (g auth.Grant, err error) {
	gate := h.Auth[on.Auth]
	if gate == nil {
		return g, nil
	}
	if b := h.begun(r, at); b != nil {
		g, err = gate.Again(at, r, *s, on.String(), b, time.Now())
	} else {
		g, err = gate.Check(r, *s, on.String(), time.Now())
	}
	if err != nil {
		return g, err
	}
	plain.SetCookies(w, g.Cookies)
	welcome(r, s, g)
	return g, nil
}

// authorizeNow is authorize if that can be said at now, without waiting for
// anybody, and without a word to the client.
func (h *Handler) authorizeNow(r *http.Request, on *route.Route, s *headers.Sender, now time.Time) (g auth.Grant, ok bool) {
	gate := h.Auth[on.Auth]
	if gate == nil {
		return g, true
	}
	if g, ok = gate.Quick(r, *s, on.String(), now); ok {
		welcome(r, s, g)
	}
	return g, ok
}

func welcome(r *http.Request, s *headers.Sender, g auth.Grant) {
	s.Given = g.Headers
	s.Give(r.Header)
}

// withoutTokens returns those of a client's subprotocols that are no token: the
// others are nobody else's business.
func (h *Handler) withoutTokens(protocols []string, on *route.Route) []string {
	gate := h.Auth[on.Auth]
	if gate == nil {
		return protocols
	}
	return slices.DeleteFunc(protocols, gate.Hides)
}

// Authorize has auth let the client of r in, or say why it may not come in. w answers
// the client. It may wait for others.
func (v *Visit) Authorize(w http.ResponseWriter, r *http.Request) (err error) {
	v.Grant, err = v.handler.authorize(w, r, v.Match.Route, &v.Sender, auth.SID{})
	return err
}

// Opened has who let the client in asked again as long as s is open.
func (v *Visit) Opened(s *session.Session) { v.handler.Rechecks.Add(s, v.Grant.Question) }

// told is what the client's 101 has of g.
func told(g auth.Grant) (a answer) {
	for _, c := range g.Cookies {
		a.lines = append(a.lines, line{"Set-Cookie", c})
	}
	return a
}
