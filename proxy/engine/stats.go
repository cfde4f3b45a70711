package engine

import (
	"sync/atomic"

	"usher/proxy/demux"
	"usher/proxy/engineio"
)

const codes = int(engineio.UnsupportedVersion) + 1

// counters count for a Server.
type counters struct {
	demux    demux.Stats
	errors   [codes]atomic.Uint64
	opened   [2]atomic.Uint64 // by revision: 3, 4
	probes   atomic.Uint64
	waiting  atomic.Int64
	parked   atomic.Int64
	dialled  atomic.Uint64
	declined atomic.Uint64
	failed   atomic.Uint64
}

func (c *counters) fail(code engineio.Code) { c.errors[code].Add(1) }

// Stats is a Server at one moment. What is not said to be a state was counted
// since it began.
type Stats struct {
	SIDs         int               // that are known now
	Waiting      int               // GETs that wait now
	Parked       int               // of which so many without net/http
	Opened3      uint64            // sessions of Engine.IO 3
	Opened4      uint64            // of Engine.IO 4
	Probes       uint64            // WebSockets beside a polling session
	LegsOpened   uint64            // handshakes with upstreams
	LegsDeclined uint64            // those that an upstream has answered otherwise
	LegsFailed   uint64            // those that brought no answer
	Errors       map[string]uint64 // answers to requests that break a rule, by the protocol's message
	Dropped      map[string]uint64 // packets, by reason
	Redials      uint64            // legs dialled again behind the client's back
	Retries      uint64            // dials repeated because one had failed
	Held         uint64            // namespaces that had to wait for a leg
	HeldLong     uint64            // that have waited for 20 s
	Refused      uint64            // namespaces that usher itself refused
	Opaque       uint64            // sessions given whole to the fallback
}

// Stats returns the numbers.
func (s *Server) Stats() Stats {
	c, d := &s.stats, &s.stats.demux
	st := Stats{
		SIDs: s.sids.len(), Waiting: int(c.waiting.Load()), Parked: int(c.parked.Load()), Opened3: c.opened[0].Load(), Opened4: c.opened[1].Load(), Probes: c.probes.Load(),
		LegsOpened: c.dialled.Load(), LegsDeclined: c.declined.Load(), LegsFailed: c.failed.Load(),
		Errors: make(map[string]uint64, codes), Dropped: make(map[string]uint64, demux.NumDrops),
		Redials: d.Redials.Load(), Retries: d.Retries.Load(), Held: d.Held.Load(), HeldLong: d.Long.Load(),
		Refused: d.Refused.Load(), Opaque: d.Opaque.Load(),
	}
	for i := range c.errors {
		st.Errors[engineio.Code(i).Message()] = c.errors[i].Load()
	}
	for i := range d.Dropped {
		st.Dropped[demux.Drop(i).String()] = d.Dropped[i].Load()
	}
	return st
}
