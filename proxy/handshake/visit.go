package handshake

import (
	"net"
	"net/http"

	"usher/proxy/engineio"
	"usher/proxy/headers"
	"usher/proxy/route"
	"usher/proxy/session"
)

// Visit is a request under a route with namespaces. It is not passed on: usher
// itself is the server that the client speaks with. Every check has been made
// that needs no knowledge of Engine.IO, but for the Origin.
type Visit struct {
	Match   route.Match
	Query   string         // as the client sent it, without the question mark
	Sender  headers.Sender // who asks
	Upgrade bool           // the client's half of a WebSocket handshake, or else a plain request

	offer   offer
	handler *Handler
}

// CheckOrigin decides whether a page of r's Origin may speak with the route, by
// upgrades and plain requests alike: the cookies of the first one speak for
// the session's whole life.
func (v *Visit) CheckOrigin(r *http.Request) error {
	q := engineio.ParseRequest(v.Query)
	q.JSONP = q.JSONP && !v.Upgrade
	return checkPage(r.Header, q, v.Sender.Host, v.Match.Route.Origins)
}

// Marks returns the marks of a session that r begins.
func (v *Visit) Marks(r *http.Request) []session.Mark {
	if v.handler.Marker == nil {
		return nil
	}
	return v.handler.Marker.Marks(r.Header)
}

// Opens notes that r, which is no upgrade, is a handshake too: it begins an
// Engine.IO session. The caller ends the trace.
func (v *Visit) Opens(r *http.Request) {
	v.Sender.Trace = v.handler.trace(r, v.Sender)
	v.Sender.Trace.Routed(v.Match.Route.String(), "")
}

// Forward has the upstream of m answer a plain request.
func (v *Visit) Forward(w http.ResponseWriter, r *http.Request, m route.Match) {
	v.handler.Forward(w, r, m, v.Sender)
}

// Accepted is the connection of a client that was told 101.
type Accepted struct {
	Conn  net.Conn // nil if the client has gone
	Early []byte   // what was read of it already

	// Deflate is the bits of the window for what is sent to the client if
	// permessage-deflate was agreed, without context takeover either way; 0 if not.
	Deflate uint8
}

// Accept claims an upgrade and answers 101, with the first subprotocol that the
// client offers, and permessage-deflate if the route compresses and the client
// offers that. The caller owns the connection.
func (v *Visit) Accept(w http.ResponseWriter, r *http.Request) (Accepted, error) {
	if err := v.handler.claim(r); err != nil {
		return Accepted{}, err
	}
	var g agreed
	if len(v.offer.protocols) > 0 {
		g.protocol = v.offer.protocols[0] // a browser gives up if none is chosen
	}
	if v.Match.Route.Compress {
		g.deflate = accepted(v.offer.extensions)
	}
	b := v.handler.buffers.get()
	defer v.handler.buffers.put(b)
	p := Pair{Route: v.Match.Route}
	taken, err := v.handler.agree(w, v.offer, answer{}, g, v.Match.Route, b, &p)
	if err != nil {
		return Accepted{}, err
	}
	if taken {
		v.Sender.Trace.Answered(v.offer.accepted())
	}
	return Accepted{p.Client, p.FromClient, g.deflate.window()}, nil
}
