package route

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"usher/proxy/config"
)

// Why a request has no route.
var (
	ErrNoRoute = errors.New("no route takes this path")
	ErrNoHost  = errors.New("no route takes this host")
	ErrPath    = errors.New("invalid path")
)

// Table is all routes of one file. It never changes and may be used from any
// goroutine.
type Table struct {
	routes []*Route // in order of precedence
	known  map[string]struct{}

	hosts     map[string]*paths // by whole host
	wildcards map[string]*paths // by what follows "*."
	anyHost   *paths            // nil if every route has a host
}

// Match is a request's route.
type Match struct {
	Route *Route
	Path  string // the request's path in normal form, still escaped
}

// NewTable returns the table of a checked file.
func NewTable(cfg *config.Config) *Table {
	t := &Table{hosts: make(map[string]*paths), wildcards: make(map[string]*paths), known: make(map[string]struct{})}
	for _, c := range cfg.Routes {
		r := newRoute(c)
		t.known[r.Identity] = struct{}{}
		t.routes = append(t.routes, r)
		t.pathsOf(r.Host).add(r)
	}
	slices.SortStableFunc(t.routes, precedence)
	return t
}

func (t *Table) pathsOf(host string) *paths {
	if host == "" {
		if t.anyHost == nil {
			t.anyHost = newPaths()
		}
		return t.anyHost
	}
	hosts := t.hosts
	if suffix, ok := strings.CutPrefix(host, "*."); ok {
		hosts, host = t.wildcards, suffix
	}
	if hosts[host] == nil {
		hosts[host] = newPaths()
	}
	return hosts[host]
}

// precedence orders routes so that of those that could take a request the
// first one does: whole hosts, wildcards from the longest, no host; in each the
// longest path first, and exact before prefix.
func precedence(a, b *Route) int {
	return cmp.Or(
		cmp.Compare(hostClass(a), hostClass(b)),
		cmp.Compare(len(b.Host), len(a.Host)),
		cmp.Compare(a.Host, b.Host),
		cmp.Compare(len(b.Path), len(a.Path)),
		cmp.Compare(a.Path, b.Path),
		cmp.Compare(exactClass(a), exactClass(b)),
	)
}

func hostClass(r *Route) int {
	switch {
	case r.Host == "":
		return 2
	case strings.HasPrefix(r.Host, "*."):
		return 1
	}
	return 0
}

func exactClass(r *Route) int {
	if r.Exact {
		return 0
	}
	return 1
}

// Routes returns all routes in order of precedence. The caller does not change
// the list.
func (t *Table) Routes() []*Route { return t.routes }

// Has tells whether a route of the table has that identity.
func (t *Table) Has(identity string) bool {
	_, ok := t.known[identity]
	return ok
}

// Match finds the route of a request by its Host header and its escaped path,
// without the query. The error is ErrNoRoute, ErrNoHost, or wraps ErrPath.
func (t *Table) Match(host, rawPath string) (Match, error) {
	path, err := config.NormalPath(rawPath)
	if err != nil {
		return Match{}, fmt.Errorf("%w: %w", ErrPath, err)
	}
	host = config.NormalHost(host)
	r, known := t.find(host, path)
	if loose := config.LoosePath(path); loose != path {
		if other, _ := t.find(host, loose); other != r {
			return Match{}, fmt.Errorf("%w: servers that read it as %q would serve another route", ErrPath, loose)
		}
	}
	switch {
	case r != nil:
		return Match{Route: r, Path: path}, nil
	case known:
		return Match{}, ErrNoRoute
	}
	return Match{}, ErrNoHost
}

// find returns the route for a host and path in normal form, nil if there is
// none, and whether there are any routes for that host.
func (t *Table) find(host, path string) (r *Route, known bool) {
	if p := t.hosts[host]; p != nil {
		if r := p.find(path); r != nil {
			return r, true
		}
		known = true
	}
	for len(t.wildcards) > 0 {
		_, suffix, ok := strings.Cut(host, ".")
		if !ok {
			break
		}
		host = suffix
		if p := t.wildcards[host]; p != nil {
			if r := p.find(path); r != nil {
				return r, true
			}
			known = true
		}
	}
	if t.anyHost == nil {
		return nil, known
	}
	return t.anyHost.find(path), true
}

// UpstreamPath returns the path that the upstream sees.
func (m Match) UpstreamPath() string {
	path := strings.TrimPrefix(m.Path, m.Route.StripPrefix)
	if path == "" {
		return "/"
	}
	return path
}
