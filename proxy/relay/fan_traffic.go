package relay

import (
	"sync"
	"sync/atomic"

	"usher/proxy/session"
)

// legTraffic is what has passed on a loop's legs to one upstream. It is written
// by the loop, read by anybody, and fills a cache line: what another loop
// writes is in another one.
type legTraffic struct {
	to, from passed
	_        [32]byte
}

type passed struct{ messages, bytes atomic.Uint64 }

func (p *passed) addTo(t *session.Traffic) {
	t.Messages += p.messages.Load()
	t.Bytes += p.bytes.Load()
}

// legTraffics are those of one loop. The zero value is ready.
type legTraffics struct {
	mu sync.Mutex
	by map[string]*legTraffic // by upstream; guarded by mu, what it holds is not
}

// of returns where the legs to an upstream are counted.
func (all *legTraffics) of(upstream string) *legTraffic {
	all.mu.Lock()
	defer all.mu.Unlock()
	upstream = session.Apart(all.by, upstream, session.Other)
	t := all.by[upstream]
	if t == nil {
		if all.by == nil {
			all.by = make(map[string]*legTraffic)
		}
		t = new(legTraffic)
		all.by[upstream] = t
	}
	return t
}

// LegTraffic returns what has passed on the legs of all sessions, those that
// have ended included, by upstream. Messages are those of WebSocket, heartbeats
// among them; bytes are of frames, headers included.
func (g *Group) LegTraffic() map[string]session.LegTraffic {
	sums := make(map[string]session.LegTraffic)
	for _, lp := range g.loops {
		lp.passed.addTo(sums)
	}
	return sums
}

func (all *legTraffics) addTo(sums map[string]session.LegTraffic) {
	all.mu.Lock()
	defer all.mu.Unlock()
	for upstream, t := range all.by {
		sum := sums[upstream]
		t.to.addTo(&sum.To)
		t.from.addTo(&sum.From)
		sums[upstream] = sum
	}
}
