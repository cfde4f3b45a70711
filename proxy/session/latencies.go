package session

import (
	"sync/atomic"
	"time"
)

// Latencies is a Histogram that any goroutine may add to, without a lock. The zero
// value is empty.
type Latencies struct {
	sum     atomic.Int64                    // nanoseconds
	buckets [len(buckets) + 1]atomic.Uint64 // the last is for what is longer than all bounds
}

// Observe counts d.
func (l *Latencies) Observe(d time.Duration) {
	i := 0
	for i < len(buckets) && d > buckets[i] {
		i++
	}
	l.buckets[i].Add(1)
	l.sum.Add(int64(d))
}

// Histogram returns what was counted.
func (l *Latencies) Histogram() (h Histogram) {
	for i := range l.buckets {
		n := l.buckets[i].Load()
		if h.Count += n; i < len(buckets) {
			h.buckets[i] = n
		}
	}
	h.Sum = time.Duration(l.sum.Load())
	return h
}

// Add adds what other has counted.
func (h *Histogram) Add(other Histogram) {
	h.Count += other.Count
	h.Sum += other.Sum
	for i, n := range other.buckets {
		h.buckets[i] += n
	}
}

// Quantile returns a duration that a share of all was not longer than, as far as the
// bounds tell; 0 if there is none. What is longer than all bounds counts as the
// largest.
func (h Histogram) Quantile(share float64) time.Duration {
	rank, below, least := share*float64(h.Count), 0.0, time.Duration(0)
	if h.Count == 0 {
		return 0
	}
	for i, most := range buckets {
		n := float64(h.buckets[i])
		if n > 0 && below+n >= rank {
			return least + time.Duration((rank-below)/n*float64(most-least))
		}
		below, least = below+n, most
	}
	return least
}
