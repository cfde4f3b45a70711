package route

import "strings"

// paths holds the routes of one host by path.
type paths struct {
	exact   map[string]*Route
	prefix  map[string]*Route
	longest int // bytes of the longest path in prefix
}

func newPaths() *paths {
	return &paths{exact: make(map[string]*Route), prefix: make(map[string]*Route)}
}

// add puts r in. config refuses two routes with the same claim, and everything
// rests on that.
func (p *paths) add(r *Route) {
	routes := p.prefix
	if r.Exact {
		routes = p.exact
	} else {
		p.longest = max(p.longest, len(r.Path))
	}
	if routes[r.Path] != nil {
		panic("route: two routes claim " + r.String())
	}
	routes[r.Path] = r
}

// find returns the route for a path in normal form: one that is exactly that,
// or the longest prefix that ends where a segment ends. It looks at as many
// prefixes as the longest route has segments, not the path.
func (p *paths) find(path string) *Route {
	if path != "/" {
		path = strings.TrimSuffix(path, "/")
	}
	if r := p.exact[path]; r != nil {
		return r
	}
	if len(path) > p.longest {
		path = path[:cut(path[:p.longest+1])]
	}
	for path != "" {
		if r := p.prefix[path]; r != nil {
			return r
		}
		path = path[:cut(path)]
	}
	return p.prefix["/"]
}

func cut(path string) int { return max(0, strings.LastIndexByte(path, '/')) }
