package namespaces

import (
	"maps"
	"sync"
	"time"

	"usher/proxy/session"
)

// LegStats is what became of the legs that were dialled to an upstream.
type LegStats struct {
	Opened   uint64            // handshakes that led to a leg
	Declined uint64            // those that the upstream has answered otherwise
	Failed   uint64            // those that brought no answer
	Time     session.Histogram // of those that led to a leg: from the dial to the 101
}

// legTotals count the legs of all upstreams. The zero value is ready.
type legTotals struct {
	mu sync.Mutex
	by map[string]LegStats // guarded by mu
}

// count has f count a leg to an upstream.
func (t *legTotals) count(upstream string, f func(*LegStats)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	upstream = session.Apart(t.by, upstream, session.Other)
	if t.by == nil {
		t.by = make(map[string]LegStats)
	}
	st := t.by[upstream]
	f(&st)
	t.by[upstream] = st
}

func (t *legTotals) opened(upstream string, took time.Duration) {
	t.count(upstream, func(st *LegStats) { st.Opened++; st.Time.Observe(took) })
}

func (t *legTotals) declined(upstream string) {
	t.count(upstream, func(st *LegStats) { st.Declined++ })
}

func (t *legTotals) failed(upstream string) { t.count(upstream, func(st *LegStats) { st.Failed++ }) }

// all returns a copy.
func (t *legTotals) all() map[string]LegStats {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.by)
}
