// Package metrics shows the other packages' numbers to Prometheus.
//
// It observes: nothing is counted here, and nobody calls it but who is asked
// for the metrics. So the relay pays nothing for them.
//
// Labels are bounded: route, upstream and endpoint are those of the routes
// file, and the rest are fixed sets. No label ever holds a path that a client
// sent, an Origin, an address of a client or an id.
package metrics

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"usher/proxy/accesslog"
	"usher/proxy/auth"
	"usher/proxy/fleet/link"
	"usher/proxy/handshake"
	"usher/proxy/incident"
	"usher/proxy/namespaces"
	"usher/proxy/plain"
	"usher/proxy/refusal"
	"usher/proxy/relay"
	"usher/proxy/session"
	"usher/proxy/upstream"
)

// Source is what is observed. All fields are required.
type Source struct {
	Sessions   *session.Registry
	Handshakes *handshake.Counters
	Refusals   *refusal.Writer
	Relay      *relay.Group
	Namespaces *namespaces.Server
	Requests   *plain.Counters
	Access     *accesslog.Log
	Auth       *auth.Keeper
	Log        *slog.Logger

	// What a reload puts another in the place of.
	Upstreams    func() []upstream.Stats
	Certificates func() map[string]time.Time // when each ends, by its name; zero for none yet
	Reloads      func() Reloads
	Ready        func() bool
	Incidents    func(ctx context.Context) []incident.Incident

	Nodes func() []link.Peer // the others of the fleet, nil for none
}

// Reloads is how often the routes file was read again.
type Reloads struct {
	Done, Refused uint64
	Last          time.Time // when the file was read that is served
	Failing       bool      // the last reload was refused
}

// patience is how long a scrape waits for a loop.
const patience = 2 * time.Second

// NewHandler returns a handler for Prometheus.
func NewHandler(s Source) http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(NewCollector(s), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(s.Log.Handler(), slog.LevelError),
		MaxRequestsInFlight: 4,
	})
}

// Collector collects the metrics of one usher.
type Collector struct{ from Source }

// NewCollector returns a collector for s.
func NewCollector(s Source) *Collector { return &Collector{s} }

// Describe sends what Collect may send.
func (c *Collector) Describe(to chan<- *prometheus.Desc) {
	for _, f := range families() {
		to <- f.desc
	}
}

// Collect sends all metrics as they are now.
func (c *Collector) Collect(to chan<- prometheus.Metric) {
	f := families()
	c.sessions(f, to)
	c.handshakes(f, to)
	c.auth(f, to)
	c.requests(f, to)
	c.relay(f, to)
	c.namespaces(f, to)
	c.upstreams(f, to)
	c.file(f, to)
	c.incidents(f, to)
	for _, n := range c.from.Nodes() {
		f["fleet_peer_up"].send(to, truth(n.Up), n.ID, n.Address)
	}
}

func (c *Collector) incidents(f map[string]family, to chan<- prometheus.Metric) {
	for _, i := range c.from.Incidents(context.Background()) {
		f["incident"].send(to, 1, string(i.Kind), i.Name)
	}
}

func (c *Collector) sessions(f map[string]family, to chan<- prometheus.Metric) {
	for _, t := range c.from.Sessions.Totals() {
		name := upstreamOf(t.Upstream)
		f["sessions_open"].send(to, float64(t.Open), t.Route, name)
		f["sessions_opened_total"].send(to, float64(t.Opened), t.Route, name)
		for outcome, n := range t.Ends {
			f["session_ends_total"].send(to, float64(n), t.Route, name, outcome.Cause.String(), outcome.Code)
		}
		for direction, one := range map[string]session.Traffic{"from_client": t.FromClient, "from_upstream": t.FromUpstream} {
			f["messages_total"].send(to, float64(one.Messages), t.Route, name, direction)
			f["bytes_total"].send(to, float64(one.Bytes), t.Route, name, direction)
		}
		f["handshake_seconds"].histogram(to, t.Handshake, t.Route, name)
		f["dial_seconds"].histogram(to, t.Dial, t.Route, name)
	}
	f["duplicate_ends_total"].send(to, float64(c.from.Sessions.Stats().Duplicates))
}

func (c *Collector) handshakes(f map[string]family, to chan<- prometheus.Metric) {
	s := c.from.Handshakes.Stats()
	f["claims_total"].send(to, float64(s.Claims))
	f["duplicate_claims_total"].send(to, float64(s.DuplicateClaims))
	for _, t := range c.from.Refusals.TLS() {
		f["tls_handshakes_total"].send(to, float64(t.Count), string(t.Result))
	}
	for k, n := range c.from.Refusals.Totals() {
		f["refusals_total"].send(to, float64(n), k.Route, k.Reason)
	}
}

func (c *Collector) auth(f map[string]family, to chan<- prometheus.Metric) {
	for asked, n := range c.from.Auth.Totals() {
		f["auth_total"].send(to, float64(n), asked.Route, asked.Kind, asked.Result)
	}
	for kind, h := range c.from.Auth.Took() {
		if h.Count > 0 {
			f["auth_seconds"].histogram(to, h, kind)
		}
	}
	for _, k := range c.from.Auth.KeyAges(time.Now()) {
		if k.Age >= 0 {
			f["auth_keys_age_seconds"].send(to, k.Age.Seconds(), k.URL)
		}
		f["auth_keys_failures_total"].send(to, float64(k.Fails), k.URL)
	}
}

func (c *Collector) requests(f map[string]family, to chan<- prometheus.Metric) {
	f["requests_open"].send(to, float64(c.from.Requests.Open()))
	f["access_lines_dropped_total"].send(to, float64(c.from.Access.Dropped()))
	type times struct{ head, end session.Histogram }
	routes := make(map[string]*times)
	for _, t := range c.from.Requests.Totals() {
		for _, a := range t.Answers {
			f["requests_total"].send(to, float64(a.Count), t.Route, t.Upstream, a.Method, a.Status)
		}
		f["request_bytes_total"].send(to, float64(t.Received), t.Route, t.Upstream, "from_client")
		f["request_bytes_total"].send(to, float64(t.Sent), t.Route, t.Upstream, "to_client")
		if routes[t.Route] == nil {
			routes[t.Route] = new(times)
		}
		routes[t.Route].head.Add(t.Head)
		routes[t.Route].end.Add(t.End)
	}
	for route, t := range routes {
		f["request_seconds"].histogram(to, t.head, route, "head")
		f["request_seconds"].histogram(to, t.end, route, "end")
	}
}

func (c *Collector) relay(f map[string]family, to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	open, paused := c.from.Relay.Stats().Sessions, 0
	loops := c.from.Relay.Inspect(ctx)
	for i, lp := range loops {
		f["loop_lag_seconds"].send(to, lp.Lag.Seconds(), number(i))
		f["loop_sessions"].send(to, float64(open[i]), number(i))
		paused += lp.Paused
	}
	f["paused_legs"].send(to, float64(paused))
	c.fans(f, to, loops)
}

func (c *Collector) upstreams(f map[string]family, to chan<- prometheus.Metric) {
	for _, u := range c.from.Upstreams() {
		f["held"].send(to, float64(u.Held), u.Name)
		f["held_seconds"].histogram(to, u.HeldTime, u.Name)
		for _, e := range u.Endpoints {
			up := e.State == upstream.Healthy || e.State == upstream.Unchecked
			f["endpoint_usable"].send(to, truth(up), u.Name, e.Endpoint)
			for _, s := range states {
				f["endpoint_state"].send(to, truth(s == e.State), u.Name, e.Endpoint, string(s))
			}
			f["endpoint_sessions"].send(to, float64(e.Sessions), u.Name, e.Endpoint)
			f["endpoint_requests"].send(to, float64(e.Requests), u.Name, e.Endpoint)
			f["endpoint_dials_total"].send(to, float64(e.Dials), u.Name, e.Endpoint)
			for kind, n := range e.DialFailures {
				f["endpoint_dial_failures_total"].send(to, float64(n), u.Name, e.Endpoint, kind)
			}
			f["endpoint_unanswered_total"].send(to, float64(e.Unanswered), u.Name, e.Endpoint)
			f["endpoint_declined_total"].send(to, float64(e.Declined), u.Name, e.Endpoint)
			f["endpoint_checks_total"].send(to, float64(e.ChecksPassed), u.Name, e.Endpoint, "passed")
			f["endpoint_checks_total"].send(to, float64(e.ChecksFailed), u.Name, e.Endpoint, "failed")
		}
	}
}

// file is about what the routes file says.
func (c *Collector) file(f map[string]family, to chan<- prometheus.Metric) {
	r := c.from.Reloads()
	f["reloads_total"].send(to, float64(r.Done), "done")
	f["reloads_total"].send(to, float64(r.Refused), "refused")
	f["reload_last_successful"].send(to, truth(!r.Failing))
	f["reload_last_success_timestamp_seconds"].send(to, float64(r.Last.UnixNano())/1e9)
	f["ready"].send(to, truth(c.from.Ready()))
	for name, end := range c.from.Certificates() {
		left := 0.0
		if !end.IsZero() {
			left = time.Until(end).Seconds()
			f["certificate_not_after_timestamp_seconds"].send(to, float64(end.Unix()), name)
		}
		f["certificate_left_seconds"].send(to, left, name)
	}
}
