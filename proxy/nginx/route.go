package nginx

import (
	"cmp"
	"path"
	"slices"
	"strings"
)

// route is one of the routes file.
type route struct {
	server  *server
	at      *Directive   // its location; nil for that of a server as a whole
	from    []*Directive // whose notes stand above it
	remarks []string
	hosts   []string // none for any
	path    string
	exact   bool
	fixed   bool      // nginx asks no expression of the server's about its requests
	open    bool      // nginx takes paths for it that only begin with the same letters
	to      *upstream // nil for an answer of its own
	gives   bool      // that answer is a text for everybody
	leads   bool      // that answer is a redirect
	guard   guard
	lost    bool     // its guard is not carried over
	keys    []string // what else it has, each with its value
}

// unserved is the answer of a route whose requests nginx serves, and usher cannot.
const unserved = "respond: {status: 501, body: \"not carried over from nginx\\n\"}"

// nothing is the answer where nginx would look for a file.
const nothing = "respond: {status: 404}"

// forbidden is the answer where nginx would let some people pass, and usher cannot
// tell whom.
const forbidden = "respond: {status: 403}"

// closed keeps everybody away from a route.
const closed = `deny: [0.0.0.0/0, "::/0", unix]`

func (r *route) text() string {
	var keys []string
	if len(r.hosts) > 0 {
		keys = append(keys, "host: "+list(r.hosts))
	}
	keys = append(keys, "path: "+q(r.path))
	if r.exact {
		keys = append(keys, "exact: true")
	}
	if r.to != nil {
		keys = append(keys, "upstream: "+r.to.name)
	}
	keys = append(keys, r.keys...)
	if r.to != nil {
		keys = append(keys, r.guard.keys()...)
	}
	return "  - " + strings.Join(keys, "\n    ") + "\n"
}

// answers makes it a route without an upstream.
func (r *route) answers(key string) {
	r.to, r.gives, r.leads, r.keys = nil, false, false, []string{key}
}

// claim is what a route takes of a host.
func (r *route) claim(host string) string {
	if r.exact {
		return host + " =" + r.path
	}
	return host + " " + r.path
}

// claimed returns the route of a server that has a path and what is below it, nil if
// there is none.
func (im *importer) claimed(s *server, at string) *route {
	host := ""
	if hosts := s.hosts(); len(hosts) > 0 {
		host = hosts[len(hosts)-1]
	}
	return im.claims[host+" "+at]
}

// nearest returns the route of a server that takes what is below a path, nil if there
// is none.
func (im *importer) nearest(s *server, at string) *route {
	for {
		if r := im.claimed(s, at); r != nil || len(at) < 2 {
			return r
		}
		at = path.Dir(at)
	}
}

// add takes a route, unless another has its requests already.
func (im *importer) add(r *route, d *Directive) {
	hosts := r.hosts
	if len(hosts) == 0 {
		hosts = []string{""}
	}
	var other *route
	hosts = slices.DeleteFunc(slices.Clone(hosts), func(host string) bool {
		has := im.claims[r.claim(host)]
		other = cmp.Or(has, other)
		return has != nil
	})
	if len(hosts) == 0 {
		im.lose(d, "another location takes path %s already", r.path)
		if other.server == r.server {
			r.meet(other, d)
		}
		return
	}
	if len(r.hosts) > 0 {
		r.hosts = hosts
	}
	upstream := ""
	if r.to != nil {
		upstream = r.to.text
	}
	if why := problem(upstream, r.text()); why != "" {
		im.lose(d, "%s", why)
		if r.answers(unserved); problem("", r.text()) != "" {
			return
		}
	}
	for _, host := range hosts {
		im.claims[r.claim(host)] = r
	}
	im.routes = append(im.routes, r)
}

// meet has the stricter of two locations win, of which usher makes one route.
func (r *route) meet(other *route, d *Directive) {
	if !r.guard.none() && !r.guard.same(other.guard) {
		other.close("nginx keeps people away from a part of its paths, such as those with a slash at the end, by %s (%s)", d, d.place())
	}
}
