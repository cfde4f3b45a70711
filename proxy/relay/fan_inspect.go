package relay

import (
	"context"
	"maps"

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
	Waiting    map[string]int     // namespaces that clients wait for; "" for those that no upstream has
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
	st = FanStats{Clients: make(map[ClientKind]int), Legs: make(map[string]int), Namespaces: make(map[string]int), Waiting: make(map[string]int)}
	for _, f := range lp.fans {
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
			st.Legs[s.to.Upstream]++
		}
	}
	services := f.options.Demux.Services
	f.demux.Census(func(_ string, service int, joined bool) {
		name := ""
		if service >= 0 {
			name = services[service].Name
		}
		switch {
		case !joined:
			st.Waiting[name]++
		case service >= 0:
			st.Namespaces[name]++
		}
	})
}

// Describe asks for the sessions that concern says, one question for each loop,
// which calls it for all that it has. Those of a loop that gives no answer before
// ctx ends are missing.
func (g *Group) Describe(ctx context.Context, concern func(*session.Session) bool) map[*session.Session]session.Detail {
	answers, asked := make(chan map[*session.Session]session.Detail, len(g.loops)), 0
	for _, lp := range g.loops {
		if lp.post(func(lp *loop) { answers <- lp.describe(concern) }) {
			asked++
		}
	}
	all := make(map[*session.Session]session.Detail)
	for range asked {
		select {
		case some := <-answers:
			maps.Copy(all, some)
		case <-ctx.Done():
			return all
		}
	}
	return all
}

func (lp *loop) describe(concern func(*session.Session) bool) map[*session.Session]session.Detail {
	some := make(map[*session.Session]session.Detail)
	for _, f := range lp.fans {
		if !f.session.Ended() && concern(f.session) {
			some[f.session] = f.detail()
		}
	}
	return some
}

func (f *fan) detail() session.Detail {
	d := session.Detail{Transport: f.transport().String(), Revision: int(f.entry.Version)}
	if f.closing() {
		return d
	}
	f.demux.Census(func(name string, _ int, joined bool) {
		if joined {
			d.Namespaces = append(d.Namespaces, name)
		} else {
			d.Waiting = append(d.Waiting, name)
		}
	})
	return d
}
