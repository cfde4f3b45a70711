package incident

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// Often is how often an usher is to be observed, so that a minute is one.
	Often = 5 * time.Second

	window = time.Minute
	many   = 10 // in a window are an incident
)

// key is what an incident goes by.
type key struct {
	kind Kind
	name string
}

// rate is what was counted of something since usher began.
type rate struct {
	count uint64
	last  string // whom the last one was about
}

// Tracker knows since when things are wrong. Its zero value has seen nothing.
type Tracker struct {
	mu    sync.Mutex
	since map[key]time.Time // what was wrong when it was observed last; guarded by mu
	past  []sample          // of the last window, the oldest first; guarded by mu
}

type sample struct {
	at    time.Time
	rates map[key]rate
}

// Observe returns what is wrong at now, the worst first. o is of that moment.
func (t *Tracker) Observe(now time.Time, o *Observation) []Incident {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := append(o.states(), o.ofCertificates(now)...)
	list = append(list, t.often(now, o.rates())...)
	since := make(map[key]time.Time, len(list))
	for i := range list {
		one := &list[i]
		one.What = one.what()
		k := key{one.Kind, one.Name}
		if one.Since.IsZero() {
			one.Since = now
			if before, ok := t.since[k]; ok {
				one.Since = before
			}
		}
		since[k] = one.Since
	}
	t.since = since
	slices.SortStableFunc(list, func(a, b Incident) int {
		if a.Kind != b.Kind {
			return slices.Index(Kinds, a.Kind) - slices.Index(Kinds, b.Kind)
		}
		return cmp.Or(a.Since.Compare(b.Since), strings.Compare(a.Name, b.Name))
	})
	// Two certificates may go by one name.
	return slices.CompactFunc(list, func(a, b Incident) bool { return a.Kind == b.Kind && a.Name == b.Name })
}

// often returns what has happened too often in the last window. What was wrong
// stays so until it has not happened for one.
func (t *Tracker) often(now time.Time, rates map[key]rate) (list []Incident) {
	for len(t.past) > 1 && !t.past[1].at.After(now.Add(-window)) {
		t.past = t.past[1:]
	}
	if len(t.past) > 0 {
		for k, r := range rates {
			n := r.count - t.past[0].rates[k].count
			if _, was := t.since[k]; n < many && (n == 0 || !was) {
				continue
			}
			list = append(list, Incident{Kind: k.kind, Name: k.name, Text: often(n, now.Sub(t.past[0].at), r.last)})
		}
	}
	if n := len(t.past); n == 0 || now.Sub(t.past[n-1].at) >= Often {
		t.past = append(t.past, sample{now, rates})
	}
	return list
}

func often(n uint64, in time.Duration, last string) string {
	text := fmt.Sprintf("%d in the last %s", n, max(in, time.Second).Round(time.Second))
	if last != "" {
		text += ", the last for " + fmt.Sprintf("%q", last)
	}
	return text
}
