package upstream

import (
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"usher/proxy/session"
)

// counts count for one endpoint, as long as it is in the routes file.
type counts struct {
	dials      atomic.Uint64 // that brought a connection
	dialTime   atomic.Int64  // of those, in nanoseconds
	failures   [failureCount]atomic.Uint64
	unanswered atomic.Uint64
	declined   atomic.Uint64

	checksPassed, checksFailed atomic.Uint64
}

func (c *counts) connected(took time.Duration) {
	c.dials.Add(1)
	c.dialTime.Add(int64(took))
}

// Stats is an upstream at one moment.
type Stats struct {
	Name      string
	WaitsFor  []string          // upstreams that this one comes after and that are not healthy
	Held      int               // requests and handshakes that wait for an endpoint
	HeldTime  session.Histogram // of those that have waited
	Endpoints []EndpointStats   // in the order of the routes file
}

// EndpointStats is an endpoint at one moment. What counts does so since the
// endpoint is in the routes file. Nothing in it is secret.
type EndpointStats struct {
	Upstream string
	Endpoint string // as the routes file has it
	Identity string // what Pool.Endpoint knows it by

	Addresses []string // of a host that is a name; nil before the first lookup

	State State
	Since time.Time // the state is what it is
	Down  time.Time // no connection comes about, or checks fail, since then; zero if it is not so

	Weight      int
	MaxSessions int // 0 is no limit

	Sessions int // open, or in their handshake
	Requests int // plain ones under way

	Dials        uint64            // that brought a connection
	DialTime     time.Duration     // that those took, in all
	DialFailures map[string]uint64 // by kind; all kinds are there
	Unanswered   uint64            // handshakes without an answer
	Declined     uint64            // handshakes answered with anything but 101
	LastError    string            // "" if there never was one
	LastErrorAt  time.Time         // when that was; else zero
	RetryAt      time.Time         // until then an open circuit lets nobody through; else zero

	ChecksPassed, ChecksFailed uint64
}

// Stats returns the numbers of all upstreams, by name.
func (p *Pool) Stats() []Stats {
	list := make([]Stats, 0, len(p.upstreams))
	for _, u := range p.upstreams {
		list = append(list, u.stats())
	}
	slices.SortFunc(list, func(a, b Stats) int { return strings.Compare(a.Name, b.Name) })
	return list
}

func (u *Upstream) stats() Stats {
	s := Stats{Name: u.Name, WaitsFor: u.missing(), Endpoints: make([]EndpointStats, 0, len(u.members))}
	s.Held, s.HeldTime = u.held.stats()
	for i := range u.members {
		one := u.members[i].stats()
		one.Weight, one.MaxSessions = u.members[i].weight, u.members[i].max
		s.Endpoints = append(s.Endpoints, one)
	}
	return s
}

// stats returns the numbers of one endpoint.
func (e *Endpoint) stats() EndpointStats {
	s := EndpointStats{
		Upstream: e.upstream, Endpoint: e.String(), Identity: e.Identity,
		Sessions: e.Sessions(), Requests: int(e.requests.Load()),
		Dials: e.counts.dials.Load(), DialTime: time.Duration(e.counts.dialTime.Load()),
		DialFailures: make(map[string]uint64, failureCount),
		Unanswered:   e.counts.unanswered.Load(), Declined: e.counts.declined.Load(),
		ChecksPassed: e.counts.checksPassed.Load(), ChecksFailed: e.counts.checksFailed.Load(),
	}
	for _, a := range e.names.known() {
		s.Addresses = append(s.Addresses, a.String())
	}
	for kind := range failureCount {
		s.DialFailures[kind.String()] = e.counts.failures[kind].Load()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	s.State, s.Since, s.Down = e.shown(), e.health.since, e.health.down
	s.LastError, s.LastErrorAt, s.RetryAt = e.health.last, e.health.lastAt, e.health.until
	return s
}
