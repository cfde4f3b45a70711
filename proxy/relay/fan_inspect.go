package relay

import (
	"usher/proxy/engineio"
	"usher/proxy/session"
)

// ClientKind is how a client of a fan speaks.
type ClientKind struct {
	Transport Transport
	Version   engineio.Version
}

// FanStats is the fans of a loop at one moment. Names are those of upstreams.
type FanStats struct {
	Clients    map[ClientKind]int // sessions that have not ended
	Legs       map[string]int     // that are open
	Namespaces map[string]int     // that clients are connected to
	Waiting    int                // namespaces that clients wait for
}

// String returns the transport as one word for metrics.
func (t Transport) String() string {
	switch t {
	case Polling:
		return "polling"
	case Probing:
		return "probing"
	case WebSocket:
		return "websocket"
	case Over:
	}
	return "over"
}

// census counts what the loop's fans are, and how many of their strands do not
// take what waits for them.
func (lp *loop) census() (st FanStats, paused int) {
	st = FanStats{Clients: make(map[ClientKind]int), Legs: make(map[string]int), Namespaces: make(map[string]int)}
	for f := range lp.fans {
		if f.closing() && f.end.told { // no more than a sid
			continue
		}
		st.Clients[ClientKind{f.transport(), f.entry.Version}]++
		for _, s := range f.strands {
			if s.backlogged() {
				paused++
			}
		}
		if !f.closing() {
			f.countInto(&st)
		}
	}
	return st, paused
}

// transport is how the client speaks, from its first request on.
func (f *fan) transport() Transport {
	t := f.handle.Transport()
	if t == Polling && !f.entry.Polling {
		return WebSocket
	}
	return t
}

func (f *fan) countInto(st *FanStats) {
	for i := range f.legs {
		if s := f.legs[i].strand; s != nil {
			st.Legs[s.name]++
		}
	}
	services := f.options.Demux.Services
	f.demux.Census(func(_ string, service int, joined bool) {
		switch {
		case !joined:
			st.Waiting++
		case service >= 0:
			st.Namespaces[services[service].Name]++
		}
	})
}

// describe is a session.Describer.
func (f *Fan) describe(done func(session.Detail)) bool {
	return f.loop.post(func(*loop) { done(f.fan.detail()) })
}

func (f *fan) detail() session.Detail {
	d := session.Detail{Transport: f.transport().String(), Revision: int(f.entry.Version)}
	if f.closing() {
		return d
	}
	for i := range f.legs {
		if s := f.legs[i].strand; s != nil {
			d.Legs = append(d.Legs, session.Leg{Upstream: s.name, Tag: s.tag})
		}
	}
	f.demux.Census(func(name string, _ int, joined bool) {
		if joined {
			d.Namespaces = append(d.Namespaces, name)
		}
	})
	return d
}
