package metrics

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"usher/proxy/engineio"
	"usher/proxy/relay"
	"usher/proxy/session"
)

// Namespaces is the label upstream of sessions that are split by namespace: they
// belong to no single one. The name of none can have parentheses.
const Namespaces = "(namespaces)"

var (
	revisions  = []engineio.Version{engineio.V3, engineio.V4}
	transports = []relay.Transport{relay.Polling, relay.Probing, relay.WebSocket, relay.Over}
)

// upstreamOf is the label of a session's upstream.
func upstreamOf(name string) string {
	if name == "" {
		return Namespaces
	}
	return name
}

func (c *Collector) namespaces(f map[string]family, to chan<- prometheus.Metric) {
	s := c.from.Namespaces.Stats()
	for kind, n := range s.Opened {
		f["engineio_sessions_opened_total"].send(to, float64(n), kind.Transport.String(), strconv.Itoa(int(kind.Version)))
	}
	f["engineio_probes_total"].send(to, float64(s.Probes))
	f["engineio_upgrades_total"].send(to, float64(s.Upgraded), "done")
	f["engineio_upgrades_total"].send(to, float64(s.UpgradesFailed), "failed")
	for route, errors := range s.Errors {
		for message, n := range errors {
			f["engineio_errors_total"].send(to, float64(n), route, message)
		}
	}
	for reason, n := range s.Dropped {
		f["engineio_packets_dropped_total"].send(to, float64(n), reason)
	}
	for upstream, legs := range s.Legs {
		f["legs_total"].send(to, float64(legs.Opened), upstream, "opened")
		f["legs_total"].send(to, float64(legs.Declined), upstream, "declined")
		f["legs_total"].send(to, float64(legs.Failed), upstream, "failed")
		f["leg_seconds"].histogram(to, legs.Time, upstream)
	}
	for upstream, t := range c.from.Relay.LegTraffic() {
		for direction, one := range map[string]session.Traffic{"to_upstream": t.To, "from_upstream": t.From} {
			f["leg_messages_total"].send(to, float64(one.Messages), upstream, direction)
			f["leg_bytes_total"].send(to, float64(one.Bytes), upstream, direction)
		}
	}
	for name, n := range map[string]float64{
		"engineio_sids": float64(s.SIDs), "engineio_polls_waiting": float64(s.Waiting), "engineio_polls_parked": float64(s.Parked),
		"namespaces_held_total": float64(s.Held), "namespaces_held_long_total": float64(s.HeldLong),
		"namespaces_refused_total": float64(s.Refused), "namespaces_given_up_total": float64(s.GivenUp),
		"opaque_sessions_total": float64(s.Opaque), "foreign_parsers_total": float64(s.Foreign), "leg_retries_total": float64(s.Retries), "leg_redials_total": float64(s.Redials),
	} {
		f[name].send(to, n)
	}
}

// fans shows what the loops say of their sessions of several legs. A loop that
// gave no answer is missing there.
func (c *Collector) fans(f map[string]family, to chan<- prometheus.Metric, loops []relay.LoopStats) {
	clients := make(map[relay.ClientKind]int)
	legs, namespaces, waiting := c.byUpstream(), c.byUpstream(), c.byUpstream()
	for _, lp := range loops {
		for kind, n := range lp.Fans.Clients {
			clients[kind] += n
		}
		for upstream, n := range lp.Fans.Legs {
			legs[upstream] += n
		}
		for upstream, n := range lp.Fans.Namespaces {
			namespaces[upstream] += n
		}
		for upstream, n := range lp.Fans.Waiting {
			waiting[upstream] += n
		}
	}
	for _, v := range revisions {
		for _, t := range transports {
			f["engineio_sessions_open"].send(to, float64(clients[relay.ClientKind{Transport: t, Version: v}]), t.String(), strconv.Itoa(int(v)))
		}
	}
	for upstream, n := range legs {
		f["legs_open"].send(to, float64(n), upstream)
	}
	for upstream, n := range namespaces {
		f["namespaces_open"].send(to, float64(n), upstream)
	}
	for upstream, n := range waiting {
		f["namespaces_waiting"].send(to, float64(n), upstream)
	}
}

// byUpstream has a zero for each upstream that had a leg, so that none vanishes.
func (c *Collector) byUpstream() map[string]int {
	zeros := make(map[string]int)
	for upstream := range c.from.Namespaces.Stats().Legs {
		zeros[upstream] = 0
	}
	return zeros
}
