package nginx

import (
	"slices"
	"strings"
)

// route is one of the routes file.
type route struct {
	server  *server
	from    []*Directive // whose notes stand above it
	remarks []string
	hosts   []string // none for any
	path    string
	exact   bool
	to      *upstream // nil for an answer of its own
	keys    []string  // what else it has, each with its value
}

// unserved is the answer of a route whose requests nginx serves, and usher cannot.
const unserved = "respond: {status: 501, body: \"not carried over from nginx\\n\"}"

// nothing is the answer where nginx would look for a file.
const nothing = "respond: {status: 404}"

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
	return "  - " + strings.Join(append(keys, r.keys...), "\n    ") + "\n"
}

// answers makes it a route without an upstream.
func (r *route) answers(key string) { r.to, r.keys = nil, []string{key} }

// add takes a route, unless another has its requests already.
func (im *importer) add(r *route, d *Directive) {
	claim := func(host string) string {
		kind := " "
		if r.exact {
			kind = " ="
		}
		return host + kind + r.path
	}
	hosts := r.hosts
	if len(hosts) == 0 {
		hosts = []string{""}
	}
	hosts = slices.DeleteFunc(slices.Clone(hosts), func(host string) bool { return im.claims[claim(host)] != nil })
	if len(hosts) == 0 {
		im.lose(d, "another location takes path %s already", r.path)
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
		im.claims[claim(host)] = r
	}
	im.routes = append(im.routes, r)
}
