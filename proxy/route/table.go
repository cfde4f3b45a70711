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

	// What would take the request takes only the other kind.
	ErrUpgradesOnly = errors.New("no route takes plain requests at this path, only WebSocket")
	ErrPlainOnly    = errors.New("no route takes WebSocket at this path, only plain requests")
)

// Table is all routes of one file. It never changes and may be used from any
// goroutine.
type Table struct {
	routes []*Route          // in order of precedence
	known  map[string]*Route // by identity, which no two have

	plain, upgrades *index // of the routes that take requests of that kind
}

// Match is a request's route.
type Match struct {
	Route *Route
	Path  string // the request's path in normal form, still escaped; or "*"
}

// NewTable returns the table of a checked file.
func NewTable(cfg *config.Config) *Table {
	t := &Table{known: make(map[string]*Route), plain: newIndex(), upgrades: newIndex()}
	for _, c := range cfg.Routes {
		r := newRoute(c)
		t.known[r.Identity] = r
		t.routes = append(t.routes, r)
		for _, upgrade := range []bool{false, true} {
			if r.Upgrade.Takes(upgrade) {
				t.index(upgrade).pathsOf(r.Host).add(r)
			}
		}
	}
	slices.SortStableFunc(t.routes, precedence)
	return t
}

func (t *Table) index(upgrade bool) *index {
	if upgrade {
		return t.upgrades
	}
	return t.plain
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
		cmp.Compare(b.Upgrade, a.Upgrade), // never decides: such two take different requests
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

// Get returns the route of that identity, nil if the table has none.
func (t *Table) Get(identity string) *Route { return t.known[identity] }

// Has tells whether a route of the table has that identity.
func (t *Table) Has(identity string) bool { return t.known[identity] != nil }

// Name returns the name of the route that has that identity, "" if none has.
func (t *Table) Name(identity string) string {
	if r := t.known[identity]; r != nil {
		return r.String()
	}
	return ""
}

// Match finds the route of a request, which is an upgrade or not, by its Host
// header and its escaped path, without the query. "*" asks about the whole
// server, and goes where "/" goes. The error is one of this package's, or wraps
// ErrPath.
func (t *Table) Match(host, rawPath string, upgrade bool) (Match, error) {
	if rawPath == "*" {
		m, err := t.Match(host, "/", upgrade)
		m.Path = "*"
		return m, err
	}
	path, err := config.NormalPath(rawPath)
	if err != nil {
		return Match{}, fmt.Errorf("%w: %w", ErrPath, err)
	}
	host = config.NormalHost(host)
	r, known := t.index(upgrade).find(host, path)
	loose, err := config.LoosePath(path)
	if err != nil {
		return Match{}, fmt.Errorf("%w: %w", ErrPath, err)
	}
	if loose != path {
		if other, _ := t.index(upgrade).find(host, loose); other != r {
			return Match{}, fmt.Errorf("%w: servers that read it as %q would serve another route", ErrPath, loose)
		}
	}
	if r != nil {
		return Match{Route: r, Path: path}, nil
	}
	other, otherwise := t.index(!upgrade).find(host, path)
	switch {
	case other != nil && upgrade:
		return Match{}, ErrPlainOnly
	case other != nil:
		return Match{}, ErrUpgradesOnly
	case known || otherwise:
		return Match{}, ErrNoRoute
	}
	return Match{}, ErrNoHost
}

// UpstreamPath returns the path that the upstream sees.
func (m Match) UpstreamPath() string {
	if m.Path == "*" {
		return "*"
	}
	client, upstream := m.Route.Prefixes()
	path := upstream + strings.TrimPrefix(m.Path, client)
	if path == "" {
		return "/"
	}
	return path
}

// Rewrites reports whether the upstream sees another path than the client.
func (m Match) Rewrites() bool {
	client, upstream := m.Route.Prefixes()
	return client != upstream
}

// Bare reports whether a page at the request's path belongs at the same with a
// slash.
func (m Match) Bare() bool { return m.Route.Slash && m.Path == m.Route.Path }
