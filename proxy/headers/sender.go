// Package headers decides which headers of a request go to an upstream, and
// whom usher believes about where the request comes from.
package headers

import (
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"usher/proxy/config"
	"usher/proxy/tracing"
)

// maxRequestID is the longest request id that is taken from a trusted peer:
// enough for any id in use, and short enough for a log line.
const maxRequestID = 128

// Rules say whom to believe.
type Rules struct {
	// Trusted are the peers whose forwarding headers are believed, such as
	// the addresses of a load balancer in front of usher. The zero Prefix
	// stands for whoever connects to a unix socket.
	Trusted []netip.Prefix
	// ID is that of this usher among others; "" if requests are not marked.
	ID string
	// Given are the canonical names of the headers that only auth gives.
	Given []string
}

// Sender is who sent a request, as far as usher believes it.
type Sender struct {
	Peer    netip.Addr // the other end of the connection; invalid if it is no IP
	Trusted bool       // the peer may speak for others
	Client  netip.Addr // the peer, or whom a trusted peer speaks for
	Host    string     // the host that the client asked for
	Proto   string     // "http" or "https", on the client's side
	ID      string     // the request id
	Subject string     // of the peer's own certificate, where one was asked for and verified

	Given []config.Header // who the client is, as auth has found out

	Trace *tracing.Handshake // nil for a request that is no handshake, and if there is no tracing
}

// Sender returns who sent r.
func (rules Rules) Sender(r *http.Request) Sender {
	s := Sender{Peer: Peer(r.RemoteAddr), Host: r.Host, Proto: "http"}
	if r.TLS != nil {
		s.Proto = "https"
		s.Subject = subject(r.TLS)
	}
	s.Client = s.Peer
	s.Trusted = rules.Trusts(s.Peer)
	if s.Trusted {
		rules.believe(&s, r.Header)
	}
	if s.ID == "" {
		s.ID = newID()
	}
	return s
}

// Unbelieved returns which header of h, that s has sent, speaks for another, if
// that counts for nothing because the peer is not trusted; else "".
func (s Sender) Unbelieved(h http.Header) (header string) {
	switch {
	case s.Trusted:
	case h["X-Forwarded-Proto"] != nil:
		return "X-Forwarded-Proto"
	case h["X-Forwarded-For"] != nil:
		return "X-Forwarded-For"
	}
	return ""
}

// Address returns the client's address for logs, "unknown" if it has none.
func (s Sender) Address() string {
	if !s.Client.IsValid() {
		return "unknown"
	}
	return s.Client.String()
}

// Peer returns the address of a connection's other end, invalid if it is no IP.
func Peer(address string) netip.Addr {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return netip.Addr{} // a unix socket has no address to believe in
	}
	return plain(ap.Addr())
}

// plain returns a as all compare it. A zone means something on one machine only,
// and may be any text.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// Trusts tells whether a peer may speak for others.
func (rules Rules) Trusts(a netip.Addr) bool {
	return slices.ContainsFunc(rules.Trusted, func(p netip.Prefix) bool {
		return p.Contains(a) || p == netip.Prefix{} && !a.IsValid()
	})
}

// believe takes over what a trusted peer says.
func (rules Rules) believe(s *Sender, h http.Header) {
	s.Client = rules.client(s.Peer, h["X-Forwarded-For"])
	if v := h["X-Forwarded-Host"]; len(v) == 1 && v[0] != "" {
		s.Host, _, _ = strings.Cut(v[0], ",")
	}
	if v := h["X-Forwarded-Proto"]; len(v) == 1 && (v[0] == "http" || v[0] == "https") {
		s.Proto = v[0]
	}
	if v := h["X-Request-Id"]; len(v) == 1 && validID(v[0]) {
		s.ID = v[0]
	}
}

// client walks X-Forwarded-For from its end: each trusted peer vouches for the
// entry before it, and what stands before the first that is not trusted may
// have been written by anybody.
func (rules Rules) client(peer netip.Addr, lines []string) netip.Addr {
	found := peer
	for _, line := range slices.Backward(lines) {
		for _, entry := range slices.Backward(strings.Split(line, ",")) {
			a, ok := forwardedAddr(strings.TrimSpace(entry))
			if !ok {
				return found
			}
			found = a
			if !rules.Trusts(a) {
				return found
			}
		}
	}
	return found
}

// forwardedAddr reads an entry of X-Forwarded-For; some proxies add the port.
func forwardedAddr(s string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return plain(a), true
	}
	ap, err := netip.ParseAddrPort(s)
	return plain(ap.Addr()), err == nil
}

func validID(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for i := range len(id) {
		if !idByte(id[i]) {
			return false
		}
	}
	return true
}

// idByte admits what ids are made of and what is safe in a log, a header and a
// shell.
func idByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		strings.IndexByte("-._~+/=:@", c) >= 0
}

// newID makes an id that is unique, not secret: nothing is derived from it.
func newID() string {
	var b [16]byte
	hi, lo := rand.Uint64(), rand.Uint64()
	for i := range 8 {
		b[i], b[8+i] = byte(hi>>(8*i)), byte(lo>>(8*i))
	}
	return hex.EncodeToString(b[:])
}
