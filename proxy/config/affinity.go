package config

import (
	"net/http"
	"slices"

	"go.yaml.in/yaml/v3"
)

// Affinity is how an upstream recognises who belongs to one of its endpoints.
type Affinity string

// The ways to recognise them.
const (
	AffinityEngineIO Affinity = "engine_io" // by the session of Engine.IO or SockJS; nobody else
	AffinityCookie   Affinity = "cookie"    // by a cookie of usher's own
	AffinityIP       Affinity = "ip"        // by the client's address
	AffinityNone     Affinity = "none"      // nobody
)

var (
	affinityKeys       = []string{string(AffinityCookie)}
	affinityCookieKeys = []string{"same_site"}
)

// affinity reads a name, or {cookie: ...}.
func (l *loader) affinity(v value, u *Upstream) {
	if !v.given() || v.node.Kind != yaml.MappingNode {
		choice(l, v, &u.Affinity, AffinityEngineIO, AffinityCookie, AffinityIP, AffinityNone)
		return
	}
	o, ok := l.object(v, "in affinity", affinityKeys)
	if !ok {
		return
	}
	u.Affinity = AffinityCookie
	if c, ok := l.object(l.required(o, string(AffinityCookie), "in affinity"), "in cookie", affinityCookieKeys); ok {
		u.SameSite = l.sameSite(l.required(c, "same_site", "in cookie"), u.SameSite)
	}
}

// sameSite reads the attribute of a cookie.
func (l *loader) sameSite(v value, otherwise http.SameSite) http.SameSite {
	name := ""
	choice(l, v, &name, "lax", "strict", "none")
	if site, ok := map[string]http.SameSite{"lax": http.SameSiteLaxMode, "strict": http.SameSiteStrictMode, "none": http.SameSiteNoneMode}[name]; ok {
		return site
	}
	return otherwise
}

// adviseCookies warns of cookies that are for TLS alone where none is in sight:
// neither usher's own nor that of somebody in front.
func (l *loader) adviseCookies(c *Config) {
	secured := func(one Listener) bool { return one.TLS || one.unix() || len(one.ProxyProtocol) > 0 }
	if len(c.TrustedProxies) > 0 || slices.ContainsFunc(c.Listen, secured) {
		return
	}
	for _, u := range c.Upstreams {
		if u.SameSite == http.SameSiteNoneMode {
			l.advise(u.Position, "upstream %s: browsers drop its cookie, as same_site none is for https alone, and usher is asked by http: give a listener tls: true, or name what has TLS in front in trusted_proxies", u.Name)
		}
	}
}

// NeedsSecret tells whether what u knows its clients by is made with the secret.
func (u *Upstream) NeedsSecret() bool {
	if u.Affinity != AffinityEngineIO && u.Affinity != AffinityCookie {
		return false
	}
	return len(u.Endpoints) > 1
}
