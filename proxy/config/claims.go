package config

import "strconv"

// claim is what a route takes. Two routes that could take the same request
// would compete for the same sockets, and which of them got one would be chance.
type claim struct {
	host, path string
	exact      bool
}

// claims holds who has each claim of the file: one route, or one for each kind
// of request.
type claims map[claim][]claimant

type claimant struct {
	Position
	upgrade Upgrade
}

// claim reports a route that claims what another has claimed before. host is
// where the file has r's.
func (l *loader) claim(o object, r *Route, host value) {
	if r.Path == "" || o.meant["path"] || o.meant["host"] || (r.Host == "" && host.given()) ||
		o.meant["upgrade"] || (r.Upgrade == AnyRequest && o.field("upgrade").given()) {
		return // wrong, and reported
	}
	at := r.Position
	if v := o.field("path"); v.given() && o.used == o.Position {
		at = v.used
	}
	c := claim{r.Host, r.Path, r.Exact}
	for _, first := range l.claims[c] {
		if competes(first.upgrade, r.Upgrade) {
			l.competing(o, r, host, at, first)
			return
		}
	}
	l.claims[c] = append(l.claims[c], claimant{at, r.Upgrade})
}

// competes reports whether some request is of both kinds.
func competes(a, b Upgrade) bool {
	return a.Takes(true) && b.Takes(true) || a.Takes(false) && b.Takes(false)
}

func (l *loader) competing(o object, r *Route, host value, at Position, first claimant) {
	of := ""
	if r.Host != "" {
		of = " of host " + shown(host, r.Host)
	}
	kind := "path"
	if r.Exact {
		kind = "exact path"
	}
	share := apart(first.upgrade, r.Upgrade)
	if taken := l.claims[claim{r.Host, r.Path, r.Exact}]; len(taken) > 1 { // one for each kind
		share = ""
		if r.Upgrade == AnyRequest {
			share = " and " + l.where(taken[1].Position)
		}
	}
	l.errorf(at, "%s %s%s is already claimed at %s%s", kind, shown(o.field("path"), r.Path), of, l.where(first.Position), share)
}

// apart says how two routes can share a path of which one is for one kind of
// request only.
func apart(first, second Upgrade) string {
	other := map[Upgrade]Upgrade{OnlyWebSocket: NoUpgrade, NoUpgrade: OnlyWebSocket}
	if first == second {
		return ""
	}
	if first == AnyRequest {
		return " for every request: to share it, write upgrade: " + string(other[second]) + " there"
	}
	return ": to share it, write upgrade: " + string(other[first]) + " here"
}

// shown quotes a value as it stands in the file, or what it is without being
// there.
func shown(v value, otherwise string) string {
	if !v.given() {
		return strconv.Quote(otherwise)
	}
	return strconv.Quote(v.node.Value)
}
