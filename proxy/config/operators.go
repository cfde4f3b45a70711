package config

import "slices"

// Role is what an operator may do.
type Role string

// The roles.
const (
	View    Role = "view"    // look at everything but what clients and upstreams say
	Operate Role = "operate" // that, taps and orders
)

// AdminAuth is one way for operators to come in: JWT or Basic, and the role of who
// comes by it.
type AdminAuth struct {
	*Auth
	Role Role
}

// Guarded tells whether operators must show who they are.
func (a Admin) Guarded() bool { return a.Token != "" || len(a.Auth) > 0 }

var (
	adminKinds    = []string{"jwt", "basic"}
	adminAuthKeys = append([]string{"role"}, adminKinds...)
)

// adminAuth reads the ways for operators to come in, those to the greater role first.
func (l *loader) adminAuth(v value) (list []AdminAuth) {
	for _, item := range l.oneOrMore(v, "a way in admin.auth") {
		if item.node.Value == "none" {
			l.errorf(item.Position, "none is no way for operators: leave auth out, on a loopback address or a unix socket")
			continue
		}
		o, ok := l.object(item, "in admin.auth", adminAuthKeys)
		if !ok {
			continue
		}
		one := AdminAuth{Auth: l.oneAuth(o, adminKinds, ""), Role: View}
		choice(l, o.field("role"), &one.Role, View, Operate)
		if one.JWT != nil {
			l.operatorsToken(one.JWT)
		}
		list = append(list, one)
	}
	slices.SortStableFunc(list, func(a, b AdminAuth) int { return rank(b.Role) - rank(a.Role) })
	return list
}

// Allows tells whether who has the role r may do what is for role.
func (r Role) Allows(role Role) bool { return rank(r) >= rank(role) }

func rank(r Role) int { return slices.Index([]Role{View, Operate}, r) }

// operatorsToken reports what is for sockets and upstreams, of which operators have none.
func (l *loader) operatorsToken(a *JWTAuth) {
	switch {
	case len(a.Claims) > 0:
		l.errorf(a.Position, "claims are never used in admin.auth: no upstream is told who an operator is")
	case a.Expiry != Expiry{Code: unauthorized}:
		l.errorf(a.Position, "on_expiry and close_code are never used in admin.auth: the end of the token ends the login")
	case a.RevokeOnKeyLoss:
		l.errorf(a.Position, "revoke_on_key_loss is never used in admin.auth: each request of an operator shows its token")
	case slices.ContainsFunc(a.From, func(s TokenSource) bool { return s.Place == FromSubprotocol }):
		l.errorf(a.Position, "a token in a subprotocol is never used in admin.auth: operators open no sockets")
	}
}
