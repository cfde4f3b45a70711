package config

import (
	"net/netip"
	"slices"
)

// accessKeys may stand at the top level, for all routes, on a route, and in admin.
var accessKeys = []string{"allow", "deny"}

// Access says which clients are served. The zero Prefix is whoever connects to a
// unix socket.
type Access struct {
	Allow []netip.Prefix // nobody else; everybody if it is nil
	Deny  []netip.Prefix // also if Allow has them
}

// Admits tells whether a client is served; one without an address has the invalid
// one.
func (a Access) Admits(client netip.Addr) bool {
	has := func(p netip.Prefix) bool { return p.Contains(client) || p == netip.Prefix{} && !client.IsValid() }
	return !slices.ContainsFunc(a.Deny, has) && (a.Allow == nil || slices.ContainsFunc(a.Allow, has))
}

// access returns base with what o sets.
func (l *loader) access(o object, base Access) Access {
	if v := o.field("allow"); v.given() {
		base.Allow = l.networks(v, "a client")
	}
	if v := o.field("deny"); v.given() {
		base.Deny = l.networks(v, "a client")
	}
	return base
}
