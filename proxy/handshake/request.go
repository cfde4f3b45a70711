package handshake

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"strings"

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

const upgradeLines = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "

// half is usher's half of a handshake with an endpoint: what is asked, and what
// the answer is held to.
type half struct {
	head  []byte // up to the value of Sec-WebSocket-Key, which is another each time
	plain int    // how much of head is not of the upgrade
	offer offer
}

// appendHalf writes a half to b, for this path and query. h is what the endpoint
// is told besides, but for headers that usher writes itself.
func appendHalf(b []byte, path, query, host string, h http.Header, o offer) half {
	b = append(append(b, "GET "...), path...)
	if query != "" {
		b = append(append(b, '?'), query...)
	}
	b = append(append(b, " HTTP/1.1\r\nHost: "...), host...)
	b = append(b, "\r\n"...)
	for name, values := range h {
		if ownHeader(name) {
			continue
		}
		for _, v := range values {
			b = appendHeader(b, name, v)
		}
	}
	plain := len(b)
	return half{head: append(o.append(b), upgradeLines...), plain: plain, offer: o}
}

// appendUpgrade writes q as a whole, with this key, and with that Traceparent if
// it is not "". b may be where q was written.
func (q half) appendUpgrade(b []byte, key, traceparent string) []byte {
	b = append(append(append(b, q.head...), key...), "\r\n"...)
	if traceparent != "" {
		b = appendHeader(b, "Traceparent", traceparent)
	}
	return append(b, "\r\n"...)
}

// appendPlain writes the plain request for the same. If b is where q was written,
// q is lost.
func (q half) appendPlain(b []byte) []byte {
	return append(append(b, q.head[:q.plain]...), "Connection: close\r\n\r\n"...)
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
