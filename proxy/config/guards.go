package config

import (
	"cmp"
	"slices"
	"strings"
)

// Guard says who may join the namespaces that its pattern takes.
type Guard struct {
	Namespace       // without an upstream
	Auth      *Auth // of kind jwt; nil for everybody
}

// GuardOf returns who may join the namespace of that name; nil for everybody.
func (s *SocketIO) GuardOf(name string) *Auth {
	for _, g := range s.Auth {
		if g.Takes(name) {
			return g.Auth
		}
	}
	return nil
}

// guards reads who may join r's namespaces, in the order of namespaces.
func (l *loader) guards(o object, r *Route) (list []*Guard) {
	v := o.field("auth")
	for _, p := range l.pairs(v) {
		g := &Guard{Namespace: Namespace{Position: p.key.Position, Text: p.key.text}}
		ok := l.pattern(p.key, &g.Namespace)
		p.value.name = "auth of namespace " + p.key.text
		if g.Auth = l.guard(p.value); !ok {
			continue
		}
		if !r.mayServe(&g.Namespace) {
			l.errorf(p.key.Position, "no namespace of this route is %s: it would guard nothing", p.key)
		}
		list = append(list, g)
	}
	slices.SortStableFunc(list, func(a, b *Guard) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(len(b.Prefix), len(a.Prefix)))
	})
	if f := o.field("fallback"); f.given() && len(list) > 0 {
		l.errorf(f.used, "fallback is not for routes with socketio.auth: it takes sessions whole, whose namespaces nobody can look at")
	}
	return list
}

// mayServe tells whether r may have a namespace that g takes.
func (r *Route) mayServe(g *Namespace) bool { return slices.ContainsFunc(r.Namespaces, g.meets) }

// meets tells whether there may be a namespace that both take.
func (n *Namespace) meets(other *Namespace) bool {
	switch {
	case n.Exact != "":
		return other.Takes(n.Exact)
	case other.Exact != "":
		return n.Takes(other.Exact)
	case n.Prefix != "" && other.Prefix != "":
		return strings.HasPrefix(n.Prefix, other.Prefix) || strings.HasPrefix(other.Prefix, n.Prefix)
	}
	return true
}

// guarded returns a namespace that u may have on r, and that not everybody may join;
// nil if there is none.
func (s *SocketIO) guarded(r *Route, u *Upstream) *Namespace {
	for _, n := range r.Namespaces {
		if n.Upstream != u {
			continue
		}
		if n.Exact != "" {
			if s.GuardOf(n.Exact) != nil {
				return n
			}
			continue
		}
		for _, g := range s.Auth {
			if g.Auth != nil && g.meets(n) && (g.Exact == "" || r.takerOf(g.Exact) == n) {
				return &g.Namespace
			}
		}
	}
	return nil
}

// takerOf returns the rule of r for the namespace of that name, nil for none.
func (r *Route) takerOf(name string) *Namespace {
	if i := slices.IndexFunc(r.Namespaces, func(n *Namespace) bool { return n.Takes(name) }); i >= 0 {
		return r.Namespaces[i]
	}
	return nil
}

// guard reads who may join a namespace: a token of its CONNECT says it.
func (l *loader) guard(v value) *Auth {
	if !v.given() || v.node.Value == "none" {
		return nil
	}
	o, ok := l.object(v, "in auth of a namespace", authKeys)
	if !ok {
		return nil
	}
	for _, key := range []string{"forward", "basic"} {
		if f := o.field(key); f.given() {
			l.errorf(f.used, "auth of a namespace is jwt, or none: %s is for requests, by auth of the route", key)
			return nil
		}
	}
	f := l.required(o, "jwt", "in auth of a namespace")
	if !f.given() {
		return nil
	}
	return &Auth{Position: v.Position, JWT: l.jwtAuth(f, true)}
}

// ofConnects reports what a namespace's CONNECT does not have.
func (l *loader) ofConnects(o object, a *JWTAuth) {
	if !o.field("from").given() {
		a.From = []TokenSource{{Place: FromAuth, Name: "token"}}
	}
	for _, s := range a.From {
		if s.Place != FromAuth && s.Place != "" {
			l.errorf(o.field("from").used, "%s is not looked at for a namespace: write {auth: NAME} for what its client gives as auth, and the others in auth of the route", s.Place)
		}
	}
	if f := o.field("revoke_on_key_loss"); f.given() {
		l.errorf(f.used, "revoke_on_key_loss is not for namespaces: write it in auth of the route, whose token lets the session in")
	}
	if f := o.field("claims"); f.given() {
		l.errorf(f.used, "claims are not for namespaces: all that a session has at an upstream share one connection, whose headers are of the route's auth")
	}
}

// ofRequests reports what only a namespace's CONNECT has.
func (l *loader) ofRequests(o object, a *JWTAuth) {
	for _, s := range a.From {
		if s.Place == FromAuth {
			l.errorf(o.field("from").used, "{auth: %s} is what a namespace's client gives: it is for socketio.auth", s.Name)
		}
	}
}
