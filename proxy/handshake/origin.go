package handshake

import (
	"net/http"
	"slices"
	"strings"
)

// checkOrigin decides on the Origin of an upgrade. A browser lets any page open
// a WebSocket anywhere, with the user's cookies: nobody but the server stands
// between a foreign page and the session (CWE-1385). Without an Origin it was no
// page that asked.
//
// Plain requests are not checked: for those browsers enforce the upstream's CORS
// answer themselves.
func checkOrigin(lines []string, host string, allowed []string) error {
	if len(lines) == 0 || slices.Contains(allowed, "*") {
		return nil
	}
	scheme, authority, ok := parseOrigin(lines[0])
	if ok && slices.Contains(allowed, scheme+"://"+authority) {
		return nil
	}
	web := scheme == "http" || scheme == "https"
	if ok && web && authority == withoutDefaultPort(scheme, strings.ToLower(host)) {
		return nil
	}
	e := refusal(http.StatusForbidden, Origin, "Origin is not allowed by the route")
	if ok {
		e.Hint = "to allow it, add " + scheme + "://" + authority + " to the route's origins"
	} else {
		e.Hint = `an opaque Origin is allowed only by "*" in the route's origins`
	}
	return e
}

// parseOrigin takes a serialized origin (RFC 6454, 6.2) apart, in lower case and
// without its default port. "null" is none: any page can have it.
func parseOrigin(s string) (scheme, authority string, ok bool) {
	scheme, authority, ok = strings.Cut(strings.ToLower(s), "://")
	if !ok || scheme == "" || authority == "" || strings.IndexFunc(scheme+authority, notInOrigin) >= 0 {
		return "", "", false
	}
	return scheme, withoutDefaultPort(scheme, authority), true
}

// notInOrigin finds what would be a path, a user or a second origin.
func notInOrigin(c rune) bool {
	return c <= ' ' || c >= 0x7f || strings.ContainsRune(`/\?#@,;"<>`, c)
}

// withoutDefaultPort takes the default port of the Origin's scheme off a host,
// so that both are compared in one form. The Host header does not tell a
// scheme, and behind a TLS terminator the connection's is not the browser's.
func withoutDefaultPort(scheme, host string) string {
	switch scheme {
	case "http":
		return strings.TrimSuffix(host, ":80")
	case "https":
		return strings.TrimSuffix(host, ":443")
	}
	return host
}
