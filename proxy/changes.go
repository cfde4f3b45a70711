package proxy

import (
	"maps"
	"reflect"
	"slices"

	"usher/proxy/admin"
	"usher/proxy/front"
)

// left tells whether old has routes or endpoints that next has not.
func left(old, next *live) bool {
	for _, r := range old.table.Routes() {
		if !next.table.Has(r.Identity) {
			return true
		}
	}
	for identity := range old.pool.Endpoints() {
		if !next.pool.Has(identity) {
			return true
		}
	}
	return false
}

// report says in the log what a reload has changed, and what it could not. It
// returns how much that is.
func (s *Server) report(old, next *live, ls *listeners) admin.Changes {
	newRoutes, oldRoutes := routesOnly(next, old), routesOnly(old, next)
	newEndpoints, oldEndpoints := endpointsOnly(next, old), endpointsOnly(old, next)
	s.log.Info("reloaded", "routes_added", newRoutes, "routes_removed", oldRoutes,
		"endpoints_added", newEndpoints, "endpoints_removed", oldEndpoints,
		"listeners_added", addresses(ls.opened), "listeners_removed", addresses(ls.unused))
	s.warn(next.cfg)
	if old.cfg.HandshakeTimeout != next.cfg.HandshakeTimeout {
		s.log.Warn("not reloaded: it takes a restart", "key", "handshake_timeout",
			"detail", "for a client's TLS hello and request head; for upstreams it counts from now on")
	}
	if was, is := ofConnections(old.cfg), ofConnections(next.cfg); was.WriteTimeout != is.WriteTimeout || was.PingInterval != is.PingInterval || was.PingTimeout != is.PingTimeout {
		s.log.Warn("not reloaded: it takes a restart", "key", "write_timeout, ping_interval, ping_timeout",
			"detail", "for connections of HTTP/2 as such; for their streams write_timeout counts from now on")
	}
	if old.cfg.AffinitySecret != next.cfg.AffinitySecret {
		s.log.Warn("not reloaded: it takes a restart", "key", "affinity_secret",
			"detail", "for routes with namespaces; elsewhere sids and cookies of the old one lead nowhere from now on")
	}
	if !old.cfg.Fleet.Same(next.cfg.Fleet) {
		s.log.Warn("not reloaded: it takes a restart", "key", "fleet",
			"detail", "this node stays what it is among the others")
	}
	return admin.Changes{
		Same:        reflect.DeepEqual(old.cfg, next.cfg),
		RoutesAdded: len(newRoutes), RoutesRemoved: len(oldRoutes),
		EndpointsAdded: len(newEndpoints), EndpointsRemoved: len(oldEndpoints),
		ListenersAdded: len(ls.opened), ListenersRemoved: len(ls.unused),
	}
}

// routesOnly names the routes of a that b does not have.
func routesOnly(a, b *live) []string {
	list := []string{}
	for _, r := range a.table.Routes() {
		if !b.table.Has(r.Identity) {
			list = append(list, r.String())
		}
	}
	return list
}

func endpointsOnly(a, b *live) []string {
	list := []string{}
	for _, identity := range slices.Sorted(maps.Keys(a.pool.Endpoints())) {
		if !b.pool.Has(identity) {
			list = append(list, identity)
		}
	}
	return list
}

func addresses(ls []*front.Listener) []string {
	list := []string{}
	for _, l := range ls {
		list = append(list, l.Addr().String())
	}
	return list
}
