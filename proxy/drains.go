package proxy

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"

	"usher/proxy/admin"
	"usher/proxy/refusal"
	"usher/proxy/session"
	"usher/proxy/upstream"
)

// drains are what operators have drained and not enabled again. Endpoints stand
// there with their upstream, as the routes file has them.
type drains struct {
	mu        sync.Mutex     // of whoever changes it
	inherited []admin.Target // from the usher before, as it has said last; guarded by mu
	list      atomic.Pointer[[]admin.Target]
}

// byOperator is what a client hears whose session an operator's drain ends.
const byOperator = "usher is draining this route"

// all returns the list, which does not change.
func (d *drains) all() []admin.Target {
	if list := d.list.Load(); list != nil {
		return *list
	}
	return nil
}

// change puts what f makes of a copy of the list in its place.
func (d *drains) change(f func(list []admin.Target) []admin.Target) {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := f(slices.Clone(d.all()))
	d.list.Store(&list)
}

// concerns tells whether new sessions are kept away from a route and upstream.
func (d *drains) concerns(route, upstream string) bool { return concerns(d.all(), route, upstream) }

func concerns(list []admin.Target, route, upstream string) bool {
	return slices.ContainsFunc(list, func(t admin.Target) bool {
		return t.All || t.Route != "" && t.Route == route || t.Endpoint == "" && t.Upstream != "" && t.Upstream == upstream
	})
}

// holds tells whether new legs are kept away from an upstream. Sessions with
// namespaces have many, and no handshake to ask about one.
func (d *drains) holds(upstream string) bool {
	return slices.ContainsFunc(d.all(), func(t admin.Target) bool { return t.Endpoint == "" && t.Upstream == upstream })
}

// admit is the question whether a session may begin on a route with an upstream,
// "" where it has several.
func (s *Server) admit(route, upstream string) error {
	if s.drains.concerns(route, upstream) {
		return refusal.ErrDrained
	}
	return nil
}

// drained tells whether an operator has drained what x belongs to.
func (s *Server) drained(x *session.Session) bool {
	if len(s.drains.all()) == 0 {
		return false
	}
	if s.drains.concerns(s.routeOf(x), x.Upstream) {
		return true
	}
	e := s.live.Load().pool.Endpoint(x.Target)
	return e != nil && e.Disabled()
}

// drain keeps new sessions away from t, and ends those that are there. It
// returns how many. Sessions with namespaces have no upstream and no endpoint of
// their own: they lose their legs to one, as when a reload removes it, and are
// counted apart.
func (s *Server) drain(t admin.Target) (sessions, legs int) {
	targets := s.resolve(t)
	s.drains.change(func(list []admin.Target) []admin.Target {
		for _, one := range targets {
			if !slices.Contains(list, one) {
				list = append(list, one)
			}
		}
		return list
	})
	s.disable(targets, true)
	lost, meant := s.identities(targets), make(map[*session.Session]bool)
	for _, x := range s.sessions.Live() {
		if concerns(targets, s.routeOf(x), x.Upstream) || slices.Contains(lost, x.Target) {
			meant[x] = true
		} else if hasLeg(x, lost) {
			legs++
		}
	}
	d := drain(s.live.Load().cfg, session.Drained, byOperator)
	s.end(d, meant)
	s.namespaces.Lose(lost, d)
	return len(meant), legs
}

// routeOf returns the name that the route of x has now: since x began, pages may
// have been added to it, or taken away.
func (s *Server) routeOf(x *session.Session) string {
	return cmp.Or(s.live.Load().table.Name(x.Claim), x.Route)
}

// hasLeg tells whether x has a leg to one of the endpoints of these identities.
func hasLeg(x *session.Session, identities []string) bool {
	legs, _ := x.Legs()
	return slices.ContainsFunc(legs, func(l session.Leg) bool { return slices.Contains(identities, l.Target) })
}

// identities are those of the endpoints that targets name, by themselves or by
// their upstream.
func (s *Server) identities(targets []admin.Target) []string {
	now := s.live.Load()
	var list []string
	for _, t := range targets {
		var endpoints []*upstream.Endpoint
		if u := now.pool.Get(t.Upstream); t.Endpoint == "" && u != nil {
			endpoints = u.Endpoints()
		} else if t.Endpoint != "" {
			endpoints = t.Endpoints(now.cfg, now.pool)
		}
		for _, e := range endpoints {
			list = append(list, e.Identity)
		}
	}
	return list
}

// enable takes the drain of t back, and returns whether there was one.
func (s *Server) enable(t admin.Target) (undone bool) {
	targets := s.resolve(t)
	s.drains.change(func(list []admin.Target) []admin.Target {
		undone = slices.ContainsFunc(list, func(one admin.Target) bool { return slices.Contains(targets, one) })
		return slices.DeleteFunc(list, func(one admin.Target) bool { return slices.Contains(targets, one) })
	})
	s.disable(targets, false)
	return undone
}

// resolve names the endpoints that t means, each with its upstream.
func (s *Server) resolve(t admin.Target) []admin.Target {
	if t.Endpoint == "" {
		return []admin.Target{t}
	}
	now := s.live.Load()
	var list []admin.Target
	for _, u := range now.cfg.Upstreams {
		for _, e := range now.pool.Get(u.Name).Endpoints() {
			if t.Names(u.Name, e) {
				list = append(list, admin.Target{Upstream: u.Name, Endpoint: e.String()})
			}
		}
	}
	return list
}

// disable tells the endpoints among targets.
func (s *Server) disable(targets []admin.Target, yes bool) {
	now := s.live.Load()
	for _, t := range targets {
		if t.Endpoint == "" {
			continue
		}
		for _, e := range t.Endpoints(now.cfg, now.pool) {
			e.Disable(yes)
		}
	}
}

// inheritDrains drains what operators have drained in the usher before, which may
// have said less before it ended; what they have ordered here stays.
func (s *Server) inheritDrains(list []admin.Target) {
	s.drains.change(func(now []admin.Target) []admin.Target {
		for _, t := range now {
			if !slices.Contains(s.drains.inherited, t) && !slices.Contains(list, t) {
				list = append(list, t)
			}
		}
		s.drains.inherited = list
		return list
	})
	s.keepDrains()
}

// keepDrains holds what is drained to a reload: what the file does not have any
// more is forgotten, and an endpoint that is new there is told.
func (s *Server) keepDrains() {
	now := s.live.Load()
	s.drains.change(func(list []admin.Target) []admin.Target {
		return slices.DeleteFunc(list, func(t admin.Target) bool { return !t.In(now.cfg, now.table, now.pool) })
	})
	s.disable(s.drains.all(), true)
}

// end has the sessions end as d says, also those that are on the way to a relay.
func (s *Server) end(d session.Drain, meant map[*session.Session]bool) {
	for x := range meant {
		x.Dismiss(&d)
	}
	s.frames.DrainSome(d, meant)
	s.messages.DrainSome(d, meant)
}
