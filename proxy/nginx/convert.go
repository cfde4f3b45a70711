package nginx

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"usher/proxy/config"
)

// Result is a configuration as far as it was carried over.
type Result struct {
	Text   string // the routes file
	Routes int
	Lost   int // what was not carried over: directives, and guards of routes
}

// maxRoutes is what config.Load takes.
const maxRoutes = 1 << 20

// importer is one conversion.
type importer struct {
	source Source
	http   *scope          // of the file itself, if it has no http
	users  map[string]bool // files of users, and whether usher can read them

	servers   []*server
	listeners []*listener
	groups    map[string]*Directive // the blocks upstream, by name
	zones     map[string]zone
	upstreams []*upstream
	routes    []*route
	claims    map[string]*route
	certs     []string              // pairs, as the routes file has them
	peers     []string              // that are trusted
	notes     map[*Directive][]note // by the block that they stand above; nil for the file
	seen      map[note]bool
	lost      map[*Directive]bool
	needless  []string // names
}

// Convert carries over what Read has read. name is the file's, for people.
func Convert(name string, from Source, list []*Directive) (*Result, error) {
	im := &importer{
		source: from, users: make(map[string]bool), groups: make(map[string]*Directive), zones: make(map[string]zone),
		claims: make(map[string]*route), notes: make(map[*Directive][]note), seen: make(map[note]bool), lost: make(map[*Directive]bool),
	}
	im.http = &scope{list: list}
	for _, d := range the(list, "http") {
		d.told = true
		im.http = im.http.in(d)
	}
	im.collect()
	if len(im.servers) == 0 {
		return nil, fmt.Errorf("%s has no server that speaks HTTP", name)
	}
	im.reach()
	im.names()
	im.listen()
	im.trusted()
	for _, s := range im.servers {
		im.serve(s)
	}
	im.strays()
	im.sweep(list)
	text := im.write(name)
	if len(text) > maxRoutes {
		return nil, fmt.Errorf("what came out is larger than the %d MiB that a routes file may have", maxRoutes>>20)
	}
	if _, err := config.Parse("routes.yaml", []byte(text), nil); err != nil {
		return nil, fmt.Errorf("what came out is no routes file, which is a mistake of usher's: %w", err)
	}
	return &Result{Text: text, Routes: len(im.routes), Lost: im.losses()}, nil
}

// losses counts what was not carried over.
func (im *importer) losses() int {
	n := len(im.lost)
	for _, r := range im.routes {
		if r.lost {
			n++
		}
	}
	return n
}

// collect finds what stands in the http block.
func (im *importer) collect() {
	for _, d := range im.http.list {
		switch d.Name {
		case "server":
			if d.Block != nil {
				d.told = true
				im.servers = append(im.servers, newServer(im, d))
			}
		case "upstream":
			d.told = true
			im.groups[d.arg(0)] = d
		case "limit_req_zone", "limit_conn_zone":
			im.zone(d)
		case "map":
			if onlyUpgrade(d) {
				d.tell()
			}
		}
	}
}

// onlyUpgrade tells whether a map is the one by which everybody proxies WebSocket.
func onlyUpgrade(d *Directive) bool { return strings.HasPrefix(d.arg(0), "$http_upgrade") }

// problem says why a piece of a routes file would not pass, "" if it would.
func problem(upstreams, routes string) string {
	return first("127.0.0.1:0", cmp.Or(upstreams, "  x: unix:/x\n"), cmp.Or(routes, "  - upstream: x\n"))
}

// listenProblem is problem for a listener.
func listenProblem(address string) string {
	return first(address, "  x: unix:/x\n", "  - upstream: x\n")
}

// loopProblem says whether an upstream is the listener itself.
func loopProblem(upstream, address string) string {
	why := first(q(address), upstream+"  x: unix:/x\n", "  - upstream: x\n")
	if !strings.HasPrefix(why, "this endpoint is usher itself") {
		return ""
	}
	return "usher itself listens there: the routes of that server answer on every listener already"
}

// first returns the first fault of a routes file, "" if it has none.
func first(listen, upstreams, routes string) string {
	_, err := config.Parse("", []byte("listen: "+listen+"\nupstreams:\n"+upstreams+"routes:\n"+routes), nil)
	if list, ok := errors.AsType[config.Errors](err); ok {
		return list[0].Text
	}
	return ""
}
