package handshake

import (
	"net"
	"net/http"

	"usher/proxy/auth"
	"usher/proxy/engineio"
	"usher/proxy/headers"
	"usher/proxy/route"
	"usher/proxy/session"
	"usher/proxy/tracing"
)

// Visit is a request under a route with namespaces. It is not passed on: usher
// itself is the server that the client speaks with. Every check has been made
// that needs no knowledge of Engine.IO, but for the Origin.
type Visit struct {
	Match   route.Match
	Query   string         // as the client sent it, without the question mark
	Sender  headers.Sender // who asks
	Grant   auth.Grant     // once it is authorized
	Upgrade bool           // the client's half of a WebSocket handshake, or else a plain request
	Passed  bool           // by another usher, which has made the checks of the client

	Marker *session.Marker // of the sessions; nil for no marks
	Tracer *tracing.Tracer // of the handshakes; nil for no traces

	offer   offer
	handler *Handler
}

// CheckOrigin decides whether a page of r's Origin may speak with the route, by
// upgrades and plain requests alike: the cookies of the first one speak for
// the session's whole life.
func (v *Visit) CheckOrigin(r *http.Request) error {
	q := engineio.ParseRequest(v.Query)
	q.JSONP = q.JSONP && !v.Upgrade
	return checkPage(r.Header, q.JSONP, v.Sender.Host, v.Match.Route.Origins)
}

// Opens notes that r, which is no upgrade, is a handshake too: it begins an
// Engine.IO session. The caller ends the trace.
func (v *Visit) Opens(r *http.Request) {
	v.Sender.Trace = trace(v.Tracer, r, v.Sender)
	v.Sender.Trace.Routed(v.Match.Route.String(), "")
}

// Verdict is what is left to do for a Visit. The zero value is for one that has
// been answered.
type Verdict struct {
	// Forward, if not nil, is served as a plain request.
	Forward *route.Match
	// Accept, if not nil, is given the connection of an upgrade that has been
	// claimed and answered 101, and owns it; or it is told why there is none, and
	// the client is told too.
	Accept func(Accepted, error)
	// Agreed, if not nil, is the head of the answer by which somebody else has agreed
	// to the offer of an upgrade that Accept is for.
	Agreed http.Header
}

// split does what is left to do for v.
func (h *Handler) split(w http.ResponseWriter, r *http.Request, v Visit) error {
	verdict := h.Split(w, r, v)
	switch {
	case verdict.Forward != nil:
		if err := v.Authorize(w, r); err != nil {
			return err
		}
		h.Forward(w, r, *verdict.Forward, v.Sender)
	case verdict.Accept != nil:
		a, err := h.accept(w, r, v, verdict.Agreed)
		verdict.Accept(a, err)
		return err
	}
	return nil
}

// Accepted is the connection of a client that was told 101.
type Accepted struct {
	Conn  net.Conn // nil if the client has gone
	Early []byte   // what was read of it already

	// Deflate is the bits of the window for what is sent to the client if
	// permessage-deflate was agreed, without context takeover either way; 0 if not.
	Deflate uint8
}

// accept claims an upgrade and answers 101, with the first subprotocol that the
// client offers, and permessage-deflate if the route compresses and the client
// offers that; or with what somebody else has agreed to. The caller owns the
// connection.
func (h *Handler) accept(w http.ResponseWriter, r *http.Request, v Visit, said http.Header) (Accepted, error) {
	if err := h.claim(r); err != nil {
		return Accepted{}, err
	}
	g, err := v.agree(said)
	if err != nil {
		return Accepted{}, err
	}
	b := h.buffers.get()
	defer h.buffers.put(b)
	p := Pair{Route: v.Match.Route}
	taken, err := h.agree(w, v.offer, told(v.Grant), g, v.Match.Route, b, &p)
	if err != nil {
		return Accepted{}, err
	}
	if taken {
		v.Sender.Trace.Answered(v.offer.accepted())
	}
	return Accepted{p.Client, p.FromClient, g.deflate.window()}, nil
}

// agree returns what of v's offer is taken: what said says, if it is not nil.
func (v *Visit) agree(said http.Header) (g agreed, err error) {
	if said != nil {
		return v.chosen(said)
	}
	if len(v.offer.protocols) > 0 {
		g.protocol = v.offer.protocols[0] // a browser gives up if none is chosen
	}
	if v.Match.Route.Compress {
		g.deflate = accepted(v.offer.extensions)
	}
	return g, nil
}
