package proxy

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"strings"

	"usher/proxy/handshake"
)

// leadsKey is in the context of connections on a listener that redirects.
type leadsKey struct{}

// connContext is the server's hook of that name.
func connContext(ctx context.Context, c net.Conn) context.Context {
	if plain, ok := c.(*conn); ok && plain.leads {
		ctx = context.WithValue(ctx, leadsKey{}, true)
	}
	return handshake.ConnContext(ctx, c)
}

// errNoHost is the answer to who can't be told where to go.
var errNoHost = &handshake.Error{Status: http.StatusBadRequest, Reason: handshake.Path, Rule: "Host must be named to be led to https (RFC 9110, 7.2)"}

// servePlain answers what comes without TLS and never goes to a route: an
// authority's challenges, and all requests on a listener that leads to https.
func (l *live) servePlain(w http.ResponseWriter, r *http.Request) bool {
	if l.certs != nil && l.certs.Challenge(w, r) {
		return true
	}
	if r.Context().Value(leadsKey{}) == nil {
		return false
	}
	if r.RequestURI == "*" {
		handshake.TellOptions(w)
		return true
	}
	if r.Host == "" {
		l.handshake.Refuse(w, r, errNoHost)
		return true
	}
	// 308 has the client repeat the method and the body as well. It comes back
	// on another connection.
	h := w.Header()
	h["Location"] = []string{"https://" + l.secureHost(r.Host) + r.RequestURI}
	h["Connection"] = []string{"close"}
	http.Error(w, "308 Permanent Redirect: use https", http.StatusPermanentRedirect)
	return true
}

// secureHost is the host that the client asked for, at the port of the first
// TLS listener.
func (l *live) secureHost(asked string) string {
	if host, _, err := net.SplitHostPort(asked); err == nil {
		asked = host
		if strings.Contains(host, ":") {
			asked = "[" + host + "]"
		}
	}
	for i, want := range l.cfg.Listen {
		tcp, ok := l.listeners[i].Addr().(*net.TCPAddr)
		if !want.TLS || !ok {
			continue
		}
		if tcp.Port != 443 {
			return asked + ":" + strconv.Itoa(tcp.Port)
		}
		break
	}
	return asked
}
