package handshake

import (
	"errors"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"

	"usher/proxy/affinity"
	"usher/proxy/engineio"
	"usher/proxy/refusal"
	"usher/proxy/route"
)

// maxOrigin is more than any origin has: a scheme, a name of 253 bytes, a port.
const maxOrigin = 300

// checkOrigin decides on the Origin of an upgrade. A browser lets any page open
// a WebSocket anywhere, with the user's cookies: nobody but the server stands
// between a foreign page and the session (CWE-1385). Without an Origin it was no
// page that asked.
//
// Plain requests are not checked, for those browsers enforce the upstream's CORS
// answer themselves; but those of Engine.IO and SockJS are, by checkPage.
func checkOrigin(lines []string, host string, allowed []string) error {
	if len(lines) == 0 || slices.Contains(allowed, "*") {
		return nil
	}
	scheme, authority, ok := parseOrigin(lines[0])
	if ok && lists(allowed, scheme, authority) {
		return nil
	}
	web := scheme == "http" || scheme == "https"
	if ok && web && authority == withoutDefaultPort(scheme, strings.ToLower(host)) {
		return nil
	}
	e := &foreignError{refusal: refusal.New(http.StatusForbidden, refusal.Origin, "Origin is not allowed by the route")}
	switch {
	case ok:
		e.origin = scheme + "://" + authority
		e.refusal.Hint = "to allow it, add " + e.origin + " to the route's origins"
	case lines[0] == opaque:
		e.refusal.Hint = `an opaque Origin is allowed only by "*" in the route's origins`
	default:
		e.refusal.Hint = "this Origin is none: SCHEME://HOST, with :PORT if it is not the scheme's own"
	}
	return e
}

// foreignError is the refusal of a page of a foreign Origin.
type foreignError struct {
	refusal *refusal.Error
	origin  string // "" if it is none that could be allowed
}

func (e *foreignError) Error() string { return e.refusal.Error() }

func (e *foreignError) Unwrap() error { return e.refusal }

// checkPage decides on a plain request of Engine.IO or SockJS. script tells that
// a page may have made it as a script. A session has one rule for
// every transport: by one for each, a client whose WebSocket is refused would
// stay on polling for ever, and nobody would know.
func checkPage(head http.Header, script bool, host string, allowed []string) error {
	lines := head["Origin"]
	switch {
	case len(lines) > 1:
		return refusal.New(http.StatusBadRequest, refusal.Origin, "Origin must stand once")
	case len(lines) > 0 || !script:
		return checkOrigin(lines, host, allowed)
	}
	err := checkOrigin(originOfScript(head), host, allowed)
	if e, ok := errors.AsType[*foreignError](err); ok && e.origin == "" {
		e.refusal.Hint = `a script has no Origin, and its Referer does not tell its page: that is allowed only by "*" in the route's origins`
	}
	return err
}

// opaque is the Origin of pages that have none, and may be anybody's.
const opaque = "null"

// originOfScript returns the Origin of a JSONP request as a header would have
// it. A browser tells none for a script, and lets a page of any origin read
// what it says: unlike other requests without Origin this one was a page's.
func originOfScript(head http.Header) []string {
	if site := head["Sec-Fetch-Site"]; len(site) == 1 && (site[0] == "same-origin" || site[0] == "none") {
		return nil
	}
	referer := head["Referer"]
	if len(referer) != 1 {
		return []string{opaque}
	}
	scheme, rest, ok := strings.Cut(referer[0], "://")
	if !ok {
		return []string{opaque}
	}
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	return []string{scheme + "://" + rest}
}

// checkPolling is checkPage for a route without namespaces. A request is Engine.IO's
// by its query, and SockJS's by its path; in a frame or script its page tells no
// Origin.
func checkPolling(r *http.Request, on *route.Route, query, host string) error {
	if engineio.Speaks(query) {
		return warns(checkPage(r.Header, engineio.ParseRequest(query).JSONP, host, on.Origins), on)
	}
	if _, ok := affinity.SockJS(r.URL.Path); ok {
		_, transport := path.Split(strings.TrimSuffix(r.URL.Path, "/"))
		return warns(checkPage(r.Header, transport == "htmlfile" || strings.HasPrefix(transport, "jsonp"), host, on.Origins), on)
	}
	return nil
}

// warns has a page that the rule of a session keeps out be told of as a warning.
// The upstream's own rule may be wider, and then all looks right there.
func warns(err error, on *route.Route) error {
	e, ok := errors.AsType[*foreignError](err)
	if !ok {
		return err
	}
	if e.origin != "" {
		list := strings.Join(append(slices.Clone(on.Origins), e.origin), ", ")
		e.refusal.Hint = fmt.Sprintf("to allow it, write origins: [%s] at the route of line %d; the upstream's CORS rule does not count for WebSocket, so it does not for polling", list, on.Line)
	}
	e.refusal.Warn = true
	return e
}

// parseOrigin takes a serialized origin (RFC 6454, 6.2) apart, in lower case and
// without its default port. "null" is none: any page can have it.
func parseOrigin(s string) (scheme, authority string, ok bool) {
	if len(s) > maxOrigin || strings.IndexFunc(s, notASCII) >= 0 {
		return "", "", false
	}
	scheme, authority, ok = strings.Cut(strings.ToLower(s), "://")
	if !ok || scheme == "" || authority == "" && scheme != "file" || strings.IndexFunc(scheme+authority, notInOrigin) >= 0 {
		return "", "", false
	}
	return scheme, withoutDefaultPort(scheme, authority), true
}

// notASCII finds what may become a letter of ASCII in lower case.
func notASCII(c rune) bool { return c >= 0x7f }

// notInOrigin finds what would be a path, a user, a second origin or a pattern.
func notInOrigin(c rune) bool {
	return c <= ' ' || c >= 0x7f || strings.ContainsRune(`/\?#@,;"<>*`, c)
}

// lists tells whether an origin is in a route's list, or below a wildcard there.
func lists(allowed []string, scheme, authority string) bool {
	return slices.ContainsFunc(allowed, func(one string) bool {
		oneScheme, rest, _ := strings.Cut(one, "://")
		if oneScheme != scheme {
			return false
		}
		suffix, wildcard := strings.CutPrefix(rest, "*")
		if !wildcard {
			return rest == authority
		}
		name, below := strings.CutSuffix(authority, suffix)
		return below && isLabels(name)
	})
}

// isLabels reports whether s is one label of a host's name or more, and nothing
// that would make the rest a path, a port or a user's.
func isLabels(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
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
