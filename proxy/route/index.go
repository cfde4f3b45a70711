package route

import "strings"

// index finds the routes that take one kind of request.
type index struct {
	hosts     map[string]*paths // by whole host
	wildcards map[string]*paths // by what follows "*."
	anyHost   *paths            // nil if every route has a host
}

func newIndex() *index {
	return &index{hosts: make(map[string]*paths), wildcards: make(map[string]*paths)}
}

func (x *index) pathsOf(host string) *paths {
	if host == "" {
		if x.anyHost == nil {
			x.anyHost = newPaths()
		}
		return x.anyHost
	}
	hosts := x.hosts
	if suffix, ok := strings.CutPrefix(host, "*."); ok {
		hosts, host = x.wildcards, suffix
	}
	if hosts[host] == nil {
		hosts[host] = newPaths()
	}
	return hosts[host]
}

// find returns the route for a host and path in normal form, nil if there is
// none, and whether there are any routes for that host.
func (x *index) find(host, path string) (r *Route, known bool) {
	if p := x.hosts[host]; p != nil {
		if r := p.find(path); r != nil {
			return r, true
		}
		known = true
	}
	for len(x.wildcards) > 0 {
		_, suffix, ok := strings.Cut(host, ".")
		if !ok {
			break
		}
		host = suffix
		if p := x.wildcards[host]; p != nil {
			if r := p.find(path); r != nil {
				return r, true
			}
			known = true
		}
	}
	if x.anyHost == nil {
		return nil, known
	}
	return x.anyHost.find(path), true
}
