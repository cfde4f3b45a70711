package headers

import (
	"net/http"
	"net/netip"
	"net/textproto"
	"slices"
	"strings"

	"usher/proxy/config"
)

// hopByHop are the headers that concern one connection only (RFC 9110, 7.6.1),
// in canonical form. HTTP2-Settings belongs to an upgrade that usher never makes.
var hopByHop = map[string]bool{
	"Connection":          true,
	"Http2-Settings":      true,
	"Keep-Alive":          true,
	"Proxy-Authenticate":  true,
	"Proxy-Authorization": true,
	"Proxy-Connection":    true,
	"Te":                  true,
	"Trailer":             true,
	"Transfer-Encoding":   true,
	"Upgrade":             true,
}

// spoken are the headers by which a proxy speaks for a client, besides all
// that begin with X-Forwarded-. From a peer that is not trusted they are lies
// or mistakes.
var spoken = map[string]bool{
	"Forwarded":        true,
	"X-Client-Subject": true,
	"X-Real-Ip":        true,
	"X-Request-Id":     true,
}

const spokenPrefix = "X-Forwarded-"

// HopByHop reports whether the header of this canonical name concerns one
// connection only and must not be passed on.
func HopByHop(name string) bool { return hopByHop[name] }

// MostAdded is how many headers Apply adds, but for those that a route sets. Who
// has room for them need not make it.
const MostAdded = 8

// Apply turns h, a request's headers as the sender s sent them, into those that
// go to the upstream of a route. It is the one place where this is decided, for
// upgrades and plain requests alike. A Host that the route sets stands in h
// afterwards; TakeHost takes it out.
//
// The order matters: what the client's Connection header names goes before
// anything of ours is added, so that it cannot name ours (CVE-2024-45410).
func (rules Rules) Apply(h http.Header, s Sender, changes config.Headers) {
	RemoveHopByHop(h)
	for name := range h {
		if isSpoken(name) && !s.Trusted || isTwin(name, changes) {
			delete(h, name)
		}
	}
	speak(h, s)
	for _, g := range s.Given {
		h[g.Name] = []string{g.Value}
	}
	for _, name := range changes.Remove {
		if !hopByHop[name] {
			delete(h, name)
		}
	}
	for _, c := range changes.Set {
		if !hopByHop[c.Name] {
			h[c.Name] = []string{c.Value}
		}
	}
	rules.mark(h)
}

// RemoveHopByHop removes from h what concerns one connection only: the headers
// that are known to, and those that its Connection header names.
func RemoveHopByHop(h http.Header) {
	for _, line := range h["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			if name = textproto.TrimString(name); name != "" {
				delete(h, http.CanonicalHeaderKey(name))
			}
		}
	}
	for name := range hopByHop {
		delete(h, name)
	}
}

// TakeHost removes the Host that a route has set from h and returns it, or else
// the one that the client asked for.
func TakeHost(h http.Header, asked string) string {
	set, ok := h["Host"]
	if !ok {
		return asked
	}
	delete(h, "Host")
	return set[0]
}

func isSpoken(name string) bool {
	return spoken[name] || strings.HasPrefix(name, spokenPrefix)
}

// isOurs reports whether usher decides about the header of this canonical name.
func isOurs(name string, changes config.Headers) bool {
	if isSpoken(name) || hopByHop[name] || name == "Content-Length" || name == "Host" || name == Via || strings.HasPrefix(name, "Sec-Websocket-") {
		return true
	}
	return slices.Contains(changes.Remove, name) ||
		slices.ContainsFunc(changes.Set, func(c config.Header) bool { return c.Name == name })
}

// speak adds usher's own words about the client. A trusted peer's are
// continued; nobody else's are left when this is called.
func speak(h http.Header, s Sender) {
	peer := "unknown"
	if s.Peer.IsValid() {
		peer = s.Peer.String()
	}
	h["X-Forwarded-For"] = []string{continued(h["X-Forwarded-For"], peer)}
	h["Forwarded"] = []string{continued(h["Forwarded"], forwarded(s))}
	keep(h, "X-Forwarded-Host", s.Host)
	keep(h, "X-Forwarded-Proto", s.Proto)
	keep(h, "X-Real-Ip", s.Address())
	h["X-Request-Id"] = []string{s.ID}
	if s.Subject != "" {
		h["X-Client-Subject"] = []string{s.Subject}
	}
	s.Trace.Inject(h)
}

func keep(h http.Header, name, value string) {
	if _, ok := h[name]; !ok {
		h[name] = []string{value}
	}
}

func continued(said []string, word string) string {
	list := strings.Join(said, ", ")
	if list == "" {
		return word
	}
	return list + ", " + word
}

// forwarded is usher's element of Forwarded (RFC 7239, 4).
func forwarded(s Sender) string {
	b := make([]byte, 0, 64)
	b = append(b, "for="...)
	b = appendNode(b, s.Peer)
	b = append(b, ";host="...)
	b = appendQuoted(b, s.Host)
	b = append(b, ";proto="...)
	return string(append(b, s.Proto...))
}

// appendNode writes an address; one of IPv6 stands in brackets and quotes
// (RFC 7239, 6).
func appendNode(b []byte, a netip.Addr) []byte {
	switch {
	case !a.IsValid():
		return append(b, "unknown"...)
	case a.Is4():
		return a.AppendTo(b)
	}
	b = append(b, `"[`...)
	b = a.AppendTo(b)
	return append(b, `]"`...)
}

// appendQuoted writes a quoted string (RFC 9110, 5.6.4), as a host may have a
// port and a colon is not allowed in a token.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return append(b, '"')
}
