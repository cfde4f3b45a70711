package handshake

import (
	"net"
	"net/http"
	"time"

	"usher/proxy/h2connect"
	"usher/proxy/http1"
	"usher/proxy/refusal"
)

// StreamWriter is the http.ResponseWriter of a request that opens a WebSocket
// on a stream of HTTP/2 (RFC 8441). There is no connection to take over: Take
// makes one, and after WriteHeader(200) what is written to it is the stream's
// data, and what the client sends is read from it.
type StreamWriter interface {
	http.ResponseWriter
	// Take returns the connection; the caller owns it. Data that the client
	// does not take for a time of writeTimeout ends the stream.
	Take(writeTimeout time.Duration) (net.Conn, error)
}

// isStream tells whether r is an extended CONNECT: an upgrade that makes a
// WebSocket of one stream of HTTP/2.
func isStream(r *http.Request) bool {
	return r.Method == http.MethodConnect && r.ProtoMajor == 2 && r.Header[h2connect.Protocol] != nil
}

// IsUpgrade tells whether r asks for a WebSocket, in either way. A request for
// any other protocol is served without that (RFC 9110, 7.8).
func IsUpgrade(r *http.Request) bool { return namesWebSocket(r.Header["Upgrade"]) || isStream(r) }

// checkStream is checkUpgrade for a stream: there is no key, as nothing that
// speaks HTTP/2 could be made to believe in an upgrade that was none.
func checkStream(r *http.Request) (offer, error) {
	protocol := r.Header[h2connect.Protocol]
	switch {
	case len(protocol) != 1 || protocol[0] != "websocket":
		return offer{}, refusal.New(http.StatusNotImplemented, refusal.Upgrade, ":protocol must be websocket")
	case r.ContentLength != -1:
		return offer{}, badUpgrade("a WebSocket's stream must have no length, and not end with its head (RFC 8441, 5)")
	case len(r.Header["Origin"]) > 1:
		return offer{}, badUpgrade("Origin must stand once")
	}
	if err := checkVersion(r.Header); err != nil {
		return offer{}, err
	}
	o, err := checkOffer("", r.Header)
	o.stream = true
	return o, err
}

// tellStream has the client's stream go on as a connection, and tells it so.
func (h *Handler) tellStream(w http.ResponseWriter, a answer, g agreed, writeTimeout time.Duration, p *Pair) (taken bool, err error) {
	fault := &refusal.Error{Status: http.StatusInternalServerError, Reason: refusal.Fault, Rule: "stream cannot be taken over"}
	s, ok := w.(StreamWriter)
	if !ok {
		return false, fault
	}
	client, err := s.Take(writeTimeout)
	if err != nil {
		fault.Err = err
		return false, fault
	}
	a.copyTo(s.Header(), g)
	s.WriteHeader(http.StatusOK)
	if p.Upstream != nil {
		p.Upstream.SetDeadline(time.Time{}) // from here on the relay's own timers count
	}
	p.Client = client
	return true, nil
}

// copyTo is append101 for a stream, whose answer proves nothing by a key.
func (a answer) copyTo(h http.Header, g agreed) {
	clear(h)
	if g.protocol != "" {
		h["Sec-Websocket-Protocol"] = []string{g.protocol}
	}
	if g.deflate != nil {
		h["Sec-Websocket-Extensions"] = []string{string(g.deflate.append(nil))}
	}
	nominated := a.all("Connection")
	for _, l := range a.lines {
		if passes(l.name, nominated) && http1.IsValue(l.value) {
			h.Add(l.name, l.value)
		}
	}
}
