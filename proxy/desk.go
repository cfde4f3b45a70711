package proxy

import (
	"context"
	"time"

	"usher/proxy/admin"
	"usher/proxy/auth"
	"usher/proxy/config"
	"usher/proxy/fleet/link"
	"usher/proxy/incident"
	"usher/proxy/metrics"
	"usher/proxy/plain"
	"usher/proxy/route"
	"usher/proxy/session"
	"usher/proxy/tap"
	"usher/proxy/upstream"
)

// desk is a Server as its operators see it.
type desk struct{ *Server }

var _ admin.Broker = desk{}

func (d desk) Config() *config.Config      { return d.live.Load().cfg }
func (d desk) Table() *route.Table         { return d.live.Load().table }
func (d desk) Pool() *upstream.Pool        { return d.live.Load().pool }
func (d desk) Marker() *session.Marker     { return d.live.Load().handshake.Marker }
func (d desk) Sessions() *session.Registry { return d.sessions }
func (d desk) Taps() *tap.Hub              { return d.frames.Taps() }
func (d desk) Drains() []admin.Target      { return d.drains.all() }
func (d desk) Enable(t admin.Target) bool  { return d.enable(t) }
func (d desk) Version() string             { return d.Server.Version }

// Guard returns how operators come in.
func (d desk) Guard() (config.Admin, auth.Set) {
	l := d.live.Load()
	return l.cfg.Admin, l.handshake.Auth
}

// Requests returns what was counted of plain requests.
func (d desk) Requests() []plain.Totals { return d.plain.Totals() }

// LegTraffic returns what has passed on legs.
func (d desk) LegTraffic() map[string]session.LegTraffic { return d.frames.LegTraffic() }

// Drain drains t.
func (d desk) Drain(t admin.Target) (sessions, legs int) { return d.drain(t) }

// Reload reads the routes file again.
func (d desk) Reload() (admin.Changes, error) { return d.reloadFile() }

// Phase returns where in its life the server is.
func (d desk) Phase() admin.Phase {
	switch {
	case d.draining.Load():
		return admin.Stopping
	case d.stopping.Load():
		return admin.Grace
	case d.drains.concerns("", ""):
		return admin.Emptied
	}
	return admin.Serving
}

// Claims returns what was counted of handshakes.
func (d desk) Claims() admin.Claims {
	s := d.counters.Stats()
	return admin.Claims{Claims: s.Claims, Duplicates: s.DuplicateClaims, Refusals: d.refusals.Reasons()}
}

// Reloads returns what came of them.
func (d desk) Reloads() admin.Reloads {
	s := d.reloads.stats()
	return admin.Reloads{Done: s.Done, Refused: s.Refused, Last: s.Last, Error: s.Errors}
}

// Certificates returns those that usher watches.
func (d desk) Certificates() []admin.Certificate {
	var list []admin.Certificate
	for _, c := range d.live.Load().certs.Stats() {
		list = append(list, admin.Certificate{Name: c.Name, NotAfter: c.NotAfter})
	}
	return list
}

// Outages returns who decides on who may come in, and cannot be asked.
func (d desk) Outages() (list []admin.Outage) {
	for _, o := range d.auth.Outages() {
		list = append(list, admin.Outage{Kind: o.Kind, URL: o.URL, Since: o.Since, Error: o.Err.Error()})
	}
	return list
}

// Incidents returns what is wrong now.
func (d desk) Incidents(ctx context.Context) []incident.Incident { return d.incidents(ctx) }

// Describe asks those of the sessions that are split by namespace.
func (d desk) Describe(ctx context.Context, list []*session.Session) map[*session.Session]session.Detail {
	meant := make(map[*session.Session]bool)
	for _, x := range list {
		if _, split := x.Legs(); split {
			meant[x] = true
		}
	}
	if len(meant) == 0 {
		return nil
	}
	return d.frames.Describe(ctx, func(x *session.Session) bool { return meant[x] })
}

// Close has the sessions end as how says.
func (d desk) Close(list []*session.Session, how session.Drain) {
	meant := make(map[*session.Session]bool, len(list))
	for _, x := range list {
		meant[x] = true
	}
	d.end(how, meant)
}

// source is what Prometheus is shown.
func (d desk) source() metrics.Source {
	return metrics.Source{
		Sessions: d.sessions, Handshakes: d.counters, Refusals: d.refusals, Relay: d.frames, Namespaces: d.namespaces, Log: d.log,
		Requests: d.plain, Access: d.access, Auth: d.auth,
		Upstreams: func() []upstream.Stats { return d.Pool().Stats() },
		Ready:     func() bool { return d.Phase().Ready() },
		Incidents: d.incidents,
		Nodes:     func() []link.Peer { return d.fleet.nodes() },
		Reloads: func() metrics.Reloads {
			s := d.reloads.stats()
			return metrics.Reloads{Done: s.Done, Refused: s.Refused, Last: s.Last, Failing: s.Errors != nil}
		},
		Certificates: func() map[string]time.Time {
			ends := make(map[string]time.Time)
			for _, c := range d.Certificates() {
				if end, ok := ends[c.Name]; !ok || c.NotAfter.Before(end) {
					ends[c.Name] = c.NotAfter
				}
			}
			return ends
		},
	}
}
