package handshake

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"

	"usher/proxy/auth"
	"usher/proxy/headers"
	"usher/proxy/refusal"
	"usher/proxy/route"
	"usher/proxy/session"
	"usher/proxy/upstream"
)

// Claim is a route's hold on an upgrade request that has passed every check
// which needs no upstream. There is one for a connection, ever.
type Claim struct {
	Route    *route.Route
	Upstream *upstream.Upstream
	Path     string         // for the upstream: in normal form, escaped, prefix stripped
	Query    string         // for the upstream: the client's, without the question mark, but for a sid's tag
	Sender   headers.Sender // who asks
	EngineIO bool           // the query has EIO=

	lead    upstream.Lead
	seat    *seat // of the session; nil without limits
	offer   offer
	grant   auth.Grant
	sid     auth.SID // of the Engine.IO session that it goes on with
	handler *Handler // that made it, with the upstreams of its time
}

// Protocols returns the subprotocols that the client offers, in its order.
func (c Claim) Protocols() []string { return c.offer.protocols }

// Pair is a verified handshake: both connections, past their 101.
type Pair struct {
	Session      *session.Session
	Client       net.Conn
	Upstream     net.Conn
	FromClient   []byte // read behind the client's request; may be nil
	FromUpstream []byte // read behind the upstream's 101; may be nil
	Deflate      bool   // permessage-deflate was agreed end to end
	EngineIO     bool   // the client speaks Engine.IO
	Route        *route.Route
	Release      func() // gives the endpoint back; to be called once, at the end
}

// mark is set on a connection by its first claim.
type mark struct{ claimed atomic.Bool }

type markKey struct{}

// ConnContext is for http.Server: it carries the mark by which a second claim
// of one connection is seen.
func ConnContext(ctx context.Context, _ net.Conn) context.Context {
	return context.WithValue(ctx, markKey{}, new(mark))
}

// claim takes the connection of r. Two takers of one socket are the fault that
// usher exists to end, so it is counted even though nothing here can cause it.
func (h *Handler) claim(r *http.Request) error {
	m, ok := r.Context().Value(markKey{}).(*mark)
	if !ok {
		return refusal.New(http.StatusInternalServerError, refusal.Fault, "connection cannot be claimed")
	}
	if !m.claimed.CompareAndSwap(false, true) {
		h.Counters.duplicates.Add(1)
		return refusal.New(http.StatusInternalServerError, refusal.Duplicate, "connection was claimed before")
	}
	h.Counters.claims.Add(1)
	return nil
}
