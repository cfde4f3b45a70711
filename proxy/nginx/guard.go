package nginx

import (
	"fmt"
	"strings"
)

// guard is what keeps people away from a route that has an upstream. The zero one
// keeps away nobody.
type guard struct {
	allow, deny []string
	auth        string // as the routes file has it
	closed      bool   // nobody comes
}

// keys returns it as the routes file has it.
func (g guard) keys() (keys []string) {
	if g.closed {
		return []string{closed}
	}
	if g.allow != nil {
		keys = append(keys, "allow: "+list(g.allow))
	}
	if g.deny != nil {
		keys = append(keys, "deny: "+list(g.deny))
	}
	if g.auth != "" {
		keys = append(keys, "auth: "+g.auth)
	}
	return keys
}

// same tells whether both keep away the same people.
func (g guard) same(other guard) bool {
	return strings.Join(g.keys(), "\n") == strings.Join(other.keys(), "\n")
}

func (g guard) none() bool { return len(g.keys()) == 0 }

// both adds the guard of a location that a request comes to as well.
func (im *importer) both(g, more guard, d *Directive) guard {
	switch {
	case more.none() || g.same(more):
		return g
	case g.none():
		return more
	}
	if !g.closed && !more.closed {
		im.remark(d, "the route is closed: two locations keep people away from it, each in its own way; write allow, deny and auth for both in place of its deny")
	}
	return guard{closed: true}
}

// close has a route refuse everybody, unless it does. A redirect has nothing to keep.
func (r *route) close(format string, args ...any) {
	if r.shut() || r.leads {
		return
	}
	r.guard = guard{closed: true}
	again := "take its deny away"
	if r.to == nil {
		again = strings.Join(r.keys, ", ") + " in place of the answer opens it"
		r.answers(forbidden)
	}
	r.lost = true
	r.remarks = append(r.remarks, "not carried over, so that it is CLOSED: "+fmt.Sprintf(format, args...)+"; where nothing is kept from anybody, "+again)
}

// shut tells whether nobody gets anything from it.
func (r *route) shut() bool { return r.guard.closed || r.to == nil && !r.gives && !r.leads }
