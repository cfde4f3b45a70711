package http2

import (
	"net/http"

	"usher/proxy/h2connect"
	"usher/proxy/http1"
	"usher/proxy/refusal"
)

// errTwoHosts is the answer to a request that could be routed by one name and
// be served by another.
var errTwoHosts = &refusal.Error{Status: http.StatusBadRequest, Reason: refusal.Path, Rule: "Host must be what :authority is, or stand alone (RFC 9113, 8.3.1)"}

// errHost is the answer to an :authority that HTTP/1.1 could not carry either.
var errHost = &refusal.Error{Status: http.StatusBadRequest, Reason: refusal.Path, Rule: ":authority must be a name or address with an optional port (RFC 9113, 8.3.1)"}

// errProtocol is the answer to a :protocol on a request that is no CONNECT.
var errProtocol = &refusal.Error{Status: http.StatusBadRequest, Reason: refusal.Upgrade, Rule: ":protocol is for CONNECT alone (RFC 8441, 4)"}

// errNoStream is the answer to an extended CONNECT that was not announced.
var errNoStream = &refusal.Error{Status: http.StatusMethodNotAllowed, Reason: refusal.Method, Rule: "WebSocket is by HTTP/1.1 here"}

// errLength is the answer to a length that is not that of the body.
var errLength = &refusal.Error{Status: http.StatusBadRequest, Reason: refusal.Body, Rule: "Content-Length must be the length of the data (RFC 9113, 8.1.1)"}

// check returns what r breaks of the rules that are left to the handler.
func check(r *http.Request) error {
	host, ok := r.Header["Host"]
	switch {
	case ok && (len(host) != 1 || host[0] != r.Host):
		return errTwoHosts
	case !http1.ValidHost(r.Host):
		return errHost
	case hasProtocol(r) && r.Method != http.MethodConnect:
		return errProtocol
	case isStream(r) && !ConnOf(r).websocket:
		return errNoStream
	case r.ContentLength == 0 && len(r.Header["Content-Length"]) > 0 && r.Header.Get("Content-Length") != "0":
		return errLength
	}
	return nil
}

// hasProtocol tells whether r has the pseudo-header of an extended CONNECT.
func hasProtocol(r *http.Request) bool { return r.Header[h2connect.Protocol] != nil }

// isStream tells whether r is an extended CONNECT, which opens a WebSocket.
func isStream(r *http.Request) bool { return r.Method == http.MethodConnect && hasProtocol(r) }
