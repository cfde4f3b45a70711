package nginx

import (
	"maps"
	"slices"
	"strings"
)

// stray is a name of a server that no route can have: its requests come to routes
// of other servers.
type stray struct {
	*Directive
	host string // "" for an expression
}

// comesTo tells whether requests of that name come to a host of routes. Those of
// expressions do not come to "*." and a name: nginx, too, asks them last.
func (n stray) comesTo(host string) bool {
	below, ok := strings.CutPrefix(host, "*")
	return ok && n.host != "" && (strings.HasSuffix(n.host, below) || strings.Contains(n.host, "$"))
}

// strays closes the routes to which requests come that a server with names of that
// kind kept away.
func (im *importer) strays() {
	guards := make(map[*server][]guard)
	im.trial(func() {
		for _, s := range im.servers {
			if len(s.strays) > 0 && !s.leads {
				guards[s] = im.rehearse(s)
			}
		}
	})
	for _, s := range im.servers {
		for _, r := range im.routes {
			stricter := slices.ContainsFunc(guards[s], func(g guard) bool { return !g.same(r.guard) })
			i := slices.IndexFunc(s.strays, func(n stray) bool { return r.server.any || slices.ContainsFunc(r.hosts, n.comesTo) })
			if r.server != s && stricter && i >= 0 {
				n := s.strays[i]
				r.close("nginx keeps people away from hosts of %s (%s), and those come to this route", n.Directive, n.place())
			}
		}
	}
}

// rehearse returns what keeps people away from a server, as its routes would have it
// if it had a host.
func (im *importer) rehearse(s *server) (guards []guard) {
	everyOne(s.Block, func(d *Directive) { d.told = false }) // as what is told is not looked at again
	im.routes, im.claims = nil, make(map[string]*route)
	alone := *s
	alone.any, alone.out, alone.gate, alone.patterns = true, false, nil, nil
	im.serve(&alone)
	for _, r := range im.routes {
		guards = append(guards, r.guard)
	}
	for _, p := range alone.patterns {
		guards = append(guards, p.guard)
	}
	if alone.gate != nil {
		guards = append(guards, guard{closed: true})
	}
	return slices.DeleteFunc(guards, guard.none)
}

// trial does something of which nothing stays in the routes file.
func (im *importer) trial(do func()) {
	before, told := *im, make(map[*Directive]bool)
	top := im.http
	for top.outer != nil {
		top = top.outer
	}
	everyOne(top.list, func(d *Directive) { told[d] = d.told })
	im.upstreams, im.zones = slices.Clone(im.upstreams), maps.Clone(im.zones)
	im.notes, im.seen, im.lost = make(map[*Directive][]note), make(map[note]bool), make(map[*Directive]bool)
	do()
	*im = before
	for d, was := range told {
		d.told = was
	}
}

// everyOne calls f with each directive of a list, and with those in it.
func everyOne(list []*Directive, f func(*Directive)) {
	for _, d := range list {
		f(d)
		everyOne(d.Block, f)
	}
}
