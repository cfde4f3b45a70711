package namespaces

import (
	"sync/atomic"

	"usher/proxy/demux"
	"usher/proxy/engineio"
	"usher/proxy/relay"
)

// counters count for a Server.
type counters struct {
	demux    demux.Stats
	errors   routeErrors
	opened   [2][2]atomic.Uint64 // by revision, 3 or 4, and transport, polling or websocket
	probes   atomic.Uint64
	upgrades relay.Upgrades
	waiting  atomic.Int64
	parked   atomic.Int64
	legs     legTotals
}

// open counts a session whose handshake is answered.
func (c *counters) open(v engineio.Version, socket bool) {
	transport := 0
	if socket {
		transport = 1
	}
	c.opened[v-engineio.V3][transport].Add(1)
}

// Stats is a Server at one moment. What is not said to be a state was counted
// since it began.
type Stats struct {
	SIDs           int                          // that are known now
	Waiting        int                          // GETs that wait now
	Parked         int                          // of which so many without net/http
	Opened         map[relay.ClientKind]uint64  // sessions, by what they began with
	Probes         uint64                       // WebSockets beside a polling session
	Upgraded       uint64                       // of which so many took over
	UpgradesFailed uint64                       // and so many did not, while the session went on
	Legs           map[string]LegStats          // by upstream
	Errors         map[string]map[string]uint64 // answers to requests that break a rule, by route and the protocol's message
	Dropped        map[string]uint64            // packets, by reason
	Redials        uint64                       // legs dialled again behind the client's back
	Retries        uint64                       // dials repeated because one had failed
	Held           uint64                       // namespaces that had to wait for a leg
	HeldLong       uint64                       // that have waited for 20 s
	Refused        uint64                       // namespaces that usher itself refused
	GivenUp        uint64                       // namespaces whose CONNECT cost one leg after the other
	Foreign        uint64                       // sessions ended as their client has a parser of its own, and there is no fallback
	Opaque         uint64                       // sessions given whole to the fallback
}

// Stats returns the numbers.
func (s *Server) Stats() Stats {
	c, d := &s.stats, &s.stats.demux
	st := Stats{
		SIDs: s.sids.len(), Waiting: int(c.waiting.Load()), Parked: int(c.parked.Load()),
		Opened: make(map[relay.ClientKind]uint64), Legs: c.legs.all(),
		Probes: c.probes.Load(), Upgraded: c.upgrades.Done.Load(), UpgradesFailed: c.upgrades.Failed.Load(),
		Errors: c.errors.all(), Dropped: make(map[string]uint64, demux.NumDrops),
		Redials: d.Redials.Load(), Retries: d.Retries.Load(), Held: d.Held.Load(), HeldLong: d.Long.Load(),
		Refused: d.Refused.Load(), GivenUp: d.GivenUp.Load(), Opaque: d.Opaque.Load(), Foreign: d.Foreign.Load(),
	}
	for i := range c.opened {
		v := engineio.V3 + engineio.Version(i)
		st.Opened[relay.ClientKind{Transport: relay.Polling, Version: v}] = c.opened[i][0].Load()
		st.Opened[relay.ClientKind{Transport: relay.WebSocket, Version: v}] = c.opened[i][1].Load()
	}
	for i := range d.Dropped {
		st.Dropped[demux.Drop(i).String()] = d.Dropped[i].Load()
	}
	return st
}
