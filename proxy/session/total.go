package session

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// MaxApart bounds how many routes or upstreams are counted apart: reloads may
// bring ever new ones. Further ones are counted under Other.
const MaxApart = 1000

// Other is the route and upstream of what is not counted apart.
const Other = "other"

// Apart returns under which key of m something is to be counted: its own, or
// other if that is a new one too many.
func Apart[K comparable, V any](m map[K]V, own, other K) K {
	if _, known := m[own]; !known && len(m) >= MaxApart {
		return other
	}
	return own
}

type totalKey struct{ route, upstream string }

// total counts the sessions of one route to one upstream. It belongs to the
// registry's lock.
type total struct {
	opened    uint64
	ends      map[Outcome]uint64
	in, out   Traffic // of those that have ended
	handshake Histogram
	dial      Histogram
}

// Outcome is how a session ended, as far as it is counted. The sets of both are
// fixed: they are metric labels.
type Outcome struct {
	Cause Cause
	Code  string // see codeLabel
}

// Traffic is what has passed one way.
type Traffic struct{ Messages, Bytes uint64 }

func (t *Traffic) add(c *Counters) {
	t.Messages += c.Messages.Load()
	t.Bytes += c.Bytes.Load()
}

// totalOf returns where a session is counted. The caller holds mu.
func (r *Registry) totalOf(route, upstream string) *total {
	key := Apart(r.totals, totalKey{route, upstream}, totalKey{Other, Other})
	t := r.totals[key]
	if t == nil {
		t = &total{ends: make(map[Outcome]uint64)}
		r.totals[key] = t
	}
	return t
}

func (t *total) open(info Info) {
	t.opened++
	if info.Handshake > 0 { // of those that one handshake leads to
		t.handshake.Observe(info.Handshake)
		t.dial.Observe(info.Dial)
	}
}

func (t *total) end(s *Session, e End) {
	t.ends[Outcome{e.Cause, codeLabel(e.Code)}]++
	t.in.add(&s.FromClient)
	t.out.add(&s.FromUpstream)
}

// Total is what was counted of the sessions of one route to one upstream, those
// that are open included.
type Total struct {
	Route, Upstream string
	Opened          uint64
	Open            int
	Ends            map[Outcome]uint64
	FromClient      Traffic
	FromUpstream    Traffic
	Handshake       Histogram // from the request to the 101
	Dial            Histogram // the connection to the endpoint, its TLS included
}

// Totals returns all of them, in the order of route and upstream.
func (r *Registry) Totals() []Total {
	r.mu.Lock()
	defer r.mu.Unlock()
	sums := make(map[*total]*Total, len(r.totals))
	list := make([]Total, 0, len(r.totals))
	for key, t := range r.totals {
		list = append(list, Total{
			Route: key.route, Upstream: key.upstream, Opened: t.opened, Ends: maps.Clone(t.ends),
			FromClient: t.in, FromUpstream: t.out, Handshake: t.handshake, Dial: t.dial,
		})
		sums[t] = &list[len(list)-1]
	}
	for s := range r.live {
		sum := sums[s.total]
		sum.Open++
		sum.FromClient.add(&s.FromClient)
		sum.FromUpstream.add(&s.FromUpstream)
	}
	slices.SortFunc(list, func(a, b Total) int {
		if c := strings.Compare(a.Route, b.Route); c != 0 {
			return c
		}
		return strings.Compare(a.Upstream, b.Upstream)
	})
	return list
}

// buckets are the upper bounds of a Histogram.
var buckets = [...]time.Duration{
	500 * time.Microsecond, time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond,
	250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second,
}

// Histogram counts durations by how long they were.
type Histogram struct {
	Count   uint64
	Sum     time.Duration
	buckets [len(buckets)]uint64
}

// Observe counts d.
func (h *Histogram) Observe(d time.Duration) {
	h.Count++
	h.Sum += d
	for i, most := range buckets {
		if d <= most {
			h.buckets[i]++
			return
		}
	}
}

// Buckets returns how many durations were no longer than each bound, in
// seconds; those of shorter bounds are included.
func (h *Histogram) Buckets() map[float64]uint64 {
	all, n := make(map[float64]uint64, len(buckets)), uint64(0)
	for i, most := range buckets {
		n += h.buckets[i]
		all[most.Seconds()] = n
	}
	return all
}
