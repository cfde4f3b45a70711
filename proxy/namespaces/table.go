package namespaces

import (
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"usher/proxy/auth"
	"usher/proxy/config"
	"usher/proxy/demux"
	"usher/proxy/handshake"
	"usher/proxy/relay"
	"usher/proxy/route"
	"usher/proxy/session"
)

// Table is how the routes with namespaces of one file are served. That never
// changes.
type Table struct {
	server *Server
	splits map[*config.Route]*split

	mu      sync.Mutex
	foreign map[string]*split // of sessions that have come from another process with other options; guarded by mu
}

// split is one such route.
type split struct {
	*config.SocketIO
	server   *Server
	route    *route.Route
	script   *route.Route // the same for the client's script, with the upstream that serves it
	services []string     // names of upstreams, by the index that demux has for them
	options  *relay.FanOptions
	outages  []*outage // by service
	errors   *errorCounts
	guarded  bool                    // somebody says who may join some of its namespaces
	carried  func() []byte           // optionsState of its sessions
	passing  map[bool]*relay.Options // of WebSockets that another node has, by whether they are compressed
}

// Table prepares the routes of a file, whose auth gates says who may come in. New
// CONNECTs of all sessions are judged by it from now on.
func (s *Server) Table(routes []*route.Route, gates auth.Set) *Table {
	t := &Table{server: s, splits: make(map[*config.Route]*split)}
	for _, r := range routes {
		if len(r.Namespaces) > 0 {
			t.splits[r.Route] = s.newSplit(r)
			s.guards.Store(r.String(), &guards{r.SocketIO, gates})
		}
	}
	return t
}

func (s *Server) newSplit(r *route.Route) *split {
	script := *r.Route
	script.Upstream = r.SocketIO.Bundle
	p := &split{SocketIO: r.SocketIO, server: s, route: r, script: &route.Route{Route: &script, Identity: r.Identity}}
	p.errors = s.stats.errors.of(r.String())
	c := demux.Config{
		Fallback:           -1,
		StrictNamespaces:   r.SocketIO.StrictNamespaces,
		PropagateHardClose: r.SocketIO.PropagateHardClose,
		PingInterval:       r.SocketIO.PingInterval,
		PingTimeout:        r.SocketIO.PingTimeout,
		ConnectTimeout:     r.SocketIO.ConnectTimeout,
		OpenTimeout:        r.Limits.HandshakeTimeout,
		MaxNamespaces:      r.SocketIO.MaxNamespaces,
		MaxLegs:            r.SocketIO.MaxLegs,
		ConnectRate:        float64(r.SocketIO.MaxConnects),
		ConnectBurst:       max(r.SocketIO.MaxConnects, r.SocketIO.MaxNamespaces),
		MaxAttachments:     r.SocketIO.MaxAttachments,
		MaxClientGroup:     int(4 * r.SocketIO.MaxPayload),
	}
	for _, n := range r.Namespaces {
		rule := demux.Rule{Pattern: n.Text, Service: p.service(&c, n.Upstream)}
		if n.Regexp != nil {
			rule.Pattern, rule.Expr = "", n.Regexp
		}
		c.Rules = append(c.Rules, rule)
	}
	if u := r.SocketIO.Fallback; u != nil {
		c.Fallback = p.service(&c, u)
	}
	p.options = &relay.FanOptions{
		Demux: demux.NewConfig(c), Counts: &s.stats.demux, Probes: &s.stats.upgrades,
		Client: clientOptions(r.Route), Upstream: upstreamOptions(r.Route),
	}
	if s.Owners != nil {
		p.passing = map[bool]*relay.Options{false: passingOptions(r.Route, false), true: passingOptions(r.Route, true)}
	}
	p.guarded = len(r.SocketIO.Auth) > 0
	p.carried = sync.OnceValue(p.carry)
	return p
}

// service returns the index of u among c's services, where it is added if it is
// not there yet.
func (p *split) service(c *demux.Config, u *config.Upstream) int {
	if i := slices.Index(p.services, u.Name); i >= 0 {
		return i
	}
	p.services, p.outages = append(p.services, u.Name), append(p.outages, new(outage))
	c.Services = append(c.Services, demux.Service{
		Name: u.Name, Eager: slices.Contains(p.Eager, u), OnLoss: policies[p.Loss(u)], ConnectHold: p.ConnectHold,
		AffinityPID: len(u.Endpoints) > 1, Endpoints: len(u.Endpoints),
	})
	return len(p.services) - 1
}

var policies = map[config.OnLoss]demux.Policy{
	config.Transport: demux.Transport, config.Reconnect: demux.Reconnect, config.Disconnect: demux.Disconnect,
}

func clientOptions(r *config.Route) *relay.Options {
	o := legOptions(r)
	o.MaxMessage = r.SocketIO.MaxPayload
	o.ClientRate = session.MaxRate(r.Limits.MaxRate)
	return o
}

func upstreamOptions(r *config.Route) *relay.Options {
	o := legOptions(r)
	o.MaxMessage = r.Limits.MaxMessage
	return o
}

// passingOptions are for a client whose session another node has: its heartbeats
// are that one's.
func passingOptions(r *config.Route, deflate bool) *relay.Options {
	o := clientOptions(r)
	o.MaxMessage = max(o.MaxMessage, r.Limits.MaxMessage) // of either way
	o.Deflate = deflate
	return o
}

func legOptions(r *config.Route) *relay.Options {
	l := r.Limits
	return &relay.Options{
		MaxFragments: l.MaxFragments, MessageTimeout: l.MessageTimeout,
		WriteTimeout: l.WriteTimeout, PingTimeout: r.SocketIO.PingTimeout,
	}
}

// bundle is the last part of the paths of the client's script.
var bundle = regexp.MustCompile(`^socket\.io(\.esm|\.msgpack)?(\.min)?\.js(\.map)?$`)

// Serve serves a request of one of the table's routes, but for what its verdict
// leaves to the handshake.
func (t *Table) Serve(w http.ResponseWriter, r *http.Request, v handshake.Visit) handshake.Verdict {
	p := t.splits[v.Match.Route.Route]
	if !v.Upgrade && strings.Contains(v.Match.Path, ".js") && bundle.MatchString(path.Base(v.Match.Path)) {
		return handshake.Verdict{Forward: &route.Match{Route: p.script, Path: v.Match.Path}}
	}
	return p.serve(w, r, v)
}
