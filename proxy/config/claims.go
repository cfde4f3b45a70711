package config

import "strconv"

// claim is what a route takes. Two routes with the same claim would compete
// for the same sockets, and which of them got one would be chance.
type claim struct {
	host, path string
	exact      bool
}

// claims holds the place of each claim of the file.
type claims map[claim]Position

// claim reports a route that claims what another has claimed before.
func (l *loader) claim(o object, r *Route) {
	if r.Path == "" || o.meant["path"] || o.meant["host"] || (r.Host == "" && o.field("host").given()) {
		return // wrong, and reported
	}
	at := r.Position
	if v := o.field("path"); v.given() && o.used == o.Position {
		at = v.used
	}
	c := claim{r.Host, r.Path, r.Exact}
	first, taken := l.claims[c]
	if !taken {
		l.claims[c] = at
		return
	}
	of := ""
	if r.Host != "" {
		of = " of host " + shown(o.field("host"), r.Host)
	}
	kind := "path"
	if r.Exact {
		kind = "exact path"
	}
	l.errorf(at, "%s %s%s is already claimed at %s", kind, shown(o.field("path"), r.Path), of, l.where(first))
}

// shown quotes a value as it stands in the file, or what it is without being
// there.
func shown(v value, otherwise string) string {
	if !v.given() {
		return strconv.Quote(otherwise)
	}
	return strconv.Quote(v.node.Value)
}
