package config

import (
	"math"
	"net/netip"
	"slices"

	"go.yaml.in/yaml/v3"
)

// quotaKeys of limits may stand at the top level and on a route, but the first,
// which counts before a route is known.
var (
	quotaKeys       = []string{"connections_per_address", "requests_per_address", "sessions", "sessions_per_address", "sessions_per_user", "exempt"}
	requestRateKeys = []string{"rate", "burst"}
	userBoundKeys   = []string{"max", "by", "over"}
)

// Quota is how much clients may have at a time, and ask for.
type Quota struct {
	Connections        int         // of one address; 0 is no limit. Of the top level
	Requests           RequestRate // of one address
	Sessions           Bound
	SessionsPerAddress Bound
	SessionsPerUser    UserBound
	Exempt             []netip.Prefix // clients of whom nothing is counted
}

// Bound is how many there may be.
type Bound struct {
	Most int  // 0 is no limit
	Own  bool // the route's own; else all routes together that have none
}

// UserBound is how many sessions a user may have.
type UserBound struct {
	Bound
	By          string // the canonical name of the header, given by auth, that says who it is
	CloseOldest bool   // in place of refusing another
	at          Position
}

// RequestRate is how often one may ask.
type RequestRate struct {
	Rate  int // in a second; 0 is no limit
	Burst int
	Own   bool // as of a Bound
}

// Exempts tells whether nothing is counted of a client.
func (q *Quota) Exempts(client netip.Addr) bool {
	return slices.ContainsFunc(q.Exempt, func(p netip.Prefix) bool { return p.Contains(client) || p == netip.Prefix{} && !client.IsValid() })
}

// quota returns base with what v sets, at the top level or on a route.
func (l *loader) quota(v value, base Quota, route bool) Quota {
	o, ok := l.object(v, "in limits", quotaKeys)
	if !ok {
		return base
	}
	if c := o.field("connections_per_address"); c.given() && route {
		l.errorf(c.used, "connections_per_address is for the top level: a connection has no route yet")
	} else {
		l.bound(c, &base.Connections)
	}
	if r, ok := l.object(o.field("requests_per_address"), "in requests_per_address", requestRateKeys); ok {
		base.Requests = RequestRate{Own: route}
		l.bound(l.required(r, "rate", "in requests_per_address"), &base.Requests.Rate)
		base.Requests.Burst = base.Requests.Rate
		l.bound(r.field("burst"), &base.Requests.Burst)
		if base.Requests.Burst < 1 {
			base.Requests.Burst = 1
		}
	}
	for key, b := range map[string]*Bound{"sessions": &base.Sessions, "sessions_per_address": &base.SessionsPerAddress} {
		if f := o.field(key); f.given() {
			b.Own = route
			l.bound(f, &b.Most)
		}
	}
	if v := o.field("sessions_per_user"); v.given() {
		base.SessionsPerUser = l.userBound(v, route)
	}
	if e := o.field("exempt"); e.given() {
		base.Exempt = l.networks(e, "a client")
	}
	return base
}

func (l *loader) userBound(v value, route bool) UserBound {
	b := UserBound{Bound: Bound{Own: route}, at: v.used}
	o, ok := l.object(v, "in sessions_per_user", userBoundKeys)
	if !ok {
		return b
	}
	l.bound(l.required(o, "max", "in sessions_per_user"), &b.Most)
	if w, ok := l.text(l.required(o, "by", "in sessions_per_user")); ok {
		b.By, _ = l.headerName(w, make(map[string]Position))
		b.at = w.Position
	}
	over := "refuse"
	choice(l, o.field("over"), &over, "refuse", "close_oldest")
	b.CloseOldest = over == "close_oldest"
	return b
}

// wantUsers sees to it that users who are counted are known: nobody else's word is
// taken for who they are.
func (l *loader) wantUsers(c *Config) {
	given, told := c.Given(), make(map[Position]bool)
	for _, r := range c.Routes {
		b := r.Quota.SessionsPerUser
		if b.By == "" || told[b.at] || b.Own && slices.Contains(r.Auth.Gives(), b.By) || !b.Own && slices.Contains(given, b.By) {
			continue
		}
		told[b.at] = true
		whose := "of any route"
		if b.Own {
			whose = "of the route"
		}
		l.errorf(b.at, "header %q tells no user: no auth %s gives it, by headers of forward or claims of jwt", b.By, whose)
	}
}

func (l *loader) bound(v value, b *int) {
	n := int64(*b)
	l.count(v, orZero, math.MaxInt32, &n)
	*b = int(n)
}

// boundSplit has the bounds count that a route with namespaces has in socketio:
// they are older than limits, and have defaults.
func (l *loader) boundSplit(o object, r *Route) {
	limits, s := o.field("limits"), o.field("socketio")
	for _, one := range []struct {
		key, old string
		to       *Bound
		is       int
	}{
		{"sessions", "max_sessions", &r.Quota.Sessions, r.SocketIO.MaxSessions},
		{"sessions_per_address", "max_sessions_per_address", &r.Quota.SessionsPerAddress, r.SocketIO.MaxSessionsPerAddress},
	} {
		old := l.inside(s, one.old)
		if old.given() {
			l.advise(old.Position, "%s is called %s now, in the route's limits; both work", one.old, one.key)
		}
		if !l.inside(limits, one.key).given() && (old.given() || *one.to == Bound{}) {
			*one.to = Bound{one.is, true}
		}
	}
}

// inside returns what a mapping, which has been read, has for a key.
func (l *loader) inside(v value, key string) value {
	if v.given() && v.node.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(v.node.Content); i += 2 {
			if v.node.Content[i].Value == key {
				return l.value(key, v.node.Content[i+1])
			}
		}
	}
	return value{}
}
