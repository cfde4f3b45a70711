package owner

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"

	"usher/proxy/fleet/link"
	"usher/proxy/headers"
)

// What a request of the link says of the one that it passes on. A client's headers
// of these names do not come so far.
const (
	kind   = "Usher-Link" // what a request is for: one of the following
	asks   = "has"
	passes = "pass"

	client = "Usher-Link-Client" // its address
	host   = "Usher-Link-Host"   // that it asked for
	proto  = "Usher-Link-Proto"  // "http" or "https"
	id     = "Usher-Link-Id"     // of the request
)

// told are the headers that a session reads of its later requests. The others, with
// what they prove, were for the first one.
var told = []string{
	"Accept-Encoding", "Content-Type", "Sec-Websocket-Extensions", "Sec-Websocket-Protocol", "Sec-Websocket-Version",
}

// noHost stands for that of a client that names none.
const noHost = "usher.invalid"

// Passage is a request that is passed on.
type Passage struct {
	*http.Request
	Path, Query string // as its route has them
	Sender      headers.Sender
}

// Pass has a node answer p, for as long as its client waits.
func (o *Owners) Pass(node string, p Passage) (*http.Response, error) {
	r := p.request()
	r.Method, r.Body, r.ContentLength = p.Method, p.Body, p.Request.ContentLength
	return o.link.RoundTrip(node, r)
}

// Join has a node open the WebSocket that p asks for; see link.Link.Open.
func (o *Owners) Join(node string, p Passage) (net.Conn, *http.Response, error) {
	return o.link.Open(node, p.request())
}

func (p *Passage) request() *http.Request {
	at := cmp.Or(p.Host, noHost)
	h := http.Header{
		kind: {passes}, host: {p.Sender.Host}, proto: {p.Sender.Proto}, id: {p.Sender.ID},
	}
	if p.Sender.Client.IsValid() {
		h[client] = []string{p.Sender.Client.String()}
	}
	for _, name := range told {
		if v := p.Header[name]; v != nil {
			h[name] = v
		}
	}
	r := &http.Request{URL: &url.URL{Scheme: "https", Host: at, Opaque: p.Path, RawQuery: p.Query}, Host: at, Header: h}
	return r.WithContext(p.Context())
}

// Owner answers what other nodes ask this one.
type Owner struct {
	Has   func(ctx context.Context, sid string) bool                          // whether this node has it
	Serve func(w http.ResponseWriter, r *http.Request, sender headers.Sender) // what was passed on
}

// ServeHTTP implements http.Handler, of a link.
func (o Owner) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Header.Get(kind) {
	case asks:
		status := http.StatusNotFound
		if o.Has(r.Context(), r.URL.Query().Get("sid")) {
			status = http.StatusNoContent
		}
		w.WriteHeader(status)
	case passes:
		s := senderOf(r)
		for _, name := range []string{kind, client, host, proto, id} {
			delete(r.Header, name)
		}
		o.Serve(w, r, s)
	default:
		http.Error(w, "node "+link.From(r)+" asks for what is not known here", http.StatusNotImplemented)
	}
}

// senderOf is what a node says of the client of r.
func senderOf(r *http.Request) headers.Sender {
	a, _ := netip.ParseAddr(r.Header.Get(client)) // invalid for none
	return headers.Sender{
		Peer: a, Client: a, Host: r.Header.Get(host), Proto: r.Header.Get(proto), ID: r.Header.Get(id),
	}
}
