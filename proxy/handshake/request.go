package handshake

import (
	"crypto/rand"
	"encoding/base64"
	"maps"
	"net/http"
	"strings"

	"usher/proxy/headers"
	"usher/proxy/http1"
)

// newKey makes the key of usher's own half. The client's is not passed on: if
// it were, a client could have any upstream that echoes a header of the request
// "prove" an upgrade that the upstream never made.
func newKey() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return base64.StdEncoding.EncodeToString(b[:])
}

const (
	upgradeLines = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
	plainLines   = "Connection: close\r\n"
)

// appendRequest writes usher's half of the handshake with the upstream, or the
// plain request for the same if key is "".
func appendRequest(b []byte, rules headers.Rules, r *http.Request, c *Claim, key string) []byte {
	h := maps.Clone(r.Header) // a refusal still looks at what the client sent
	rules.Apply(h, c.Sender, c.Route.Headers)
	b = append(b, "GET "...)
	b = append(b, c.Path...)
	if c.Query != "" {
		b = append(b, '?')
		b = append(b, c.Query...)
	}
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, headers.TakeHost(h, r.Host)...)
	b = append(b, "\r\n"...)
	if key == "" {
		b = append(b, plainLines...)
	} else {
		b = append(append(append(b, upgradeLines...), key...), "\r\n"...)
		b = c.offer.append(b)
	}
	for name, values := range h {
		if ownHeader(name) {
			continue
		}
		for _, v := range values {
			b = appendHeader(b, name, v)
		}
	}
	return append(b, "\r\n"...)
}

// ownHeader reports whether usher writes this header of the handshake itself,
// or leaves it out because the request has no body.
func ownHeader(name string) bool {
	switch name {
	case "Sec-Websocket-Key", "Sec-Websocket-Version", "Sec-Websocket-Accept",
		"Sec-Websocket-Protocol", "Sec-Websocket-Extensions", "Content-Length", "Expect":
		return true
	}
	return false
}

// append writes what of the client's offer the upstream may agree to.
func (o offer) append(b []byte) []byte {
	if len(o.protocols) > 0 {
		b = appendHeader(b, "Sec-WebSocket-Protocol", strings.Join(o.protocols, ", "))
	}
	for i, d := range o.extensions {
		if i == 0 {
			b = append(b, "Sec-WebSocket-Extensions: "...)
		} else {
			b = append(b, ", "...)
		}
		b = d.append(b)
	}
	if len(o.extensions) > 0 {
		b = append(b, "\r\n"...)
	}
	return b
}

// appendHeader writes one header line, or none if it would be more than one.
// Requests are checked by net/http, but a route's own headers are not.
func appendHeader(b []byte, name, value string) []byte {
	if !http1.IsToken(name) || !http1.IsValue(value) {
		return b
	}
	b = append(b, name...)
	b = append(b, ": "...)
	b = append(b, value...)
	return append(b, "\r\n"...)
}
