//go:build linux

package main

import (
	"slices"
	"time"
)

// rate sends at a fixed pace, the sockets in turn, whether or not answers have
// come: a latency counts from when its message was due, so that a stall is
// felt by every message that it holds up.
type rate struct {
	sockets int
	second  int // messages in one
}

func (r rate) run(t *trial) ([]value, error) {
	l, err := newLoad(t.ctx, t.dialer, r.sockets, pathEcho, opText, smallMessage)
	if err != nil {
		return nil, err
	}
	defer l.close()
	interval := time.Second / time.Duration(r.second)
	start := time.Now()
	due := func(n int) time.Duration { return time.Duration(n+1) * interval }
	sent := 0
	err = l.setPace(interval, func() error {
		for now := time.Since(start); due(sent) <= now; sent++ {
			if err := l.sockets[sent%r.sockets].send(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var latencies []time.Duration
	l.message = func(s *socket) error {
		n := int(s.received-1)*r.sockets + s.id
		latencies = append(latencies, time.Since(start)-due(n))
		return nil
	}
	if _, err := l.run(t.ctx, t.length.warm); err != nil {
		return nil, err
	}
	latencies = slices.Grow(latencies[:0], 2*r.second*int(t.length.measure/time.Second+1))
	err = t.measured(func() error {
		_, err := l.run(t.ctx, t.length.measure)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(latencies) == 0 {
		return nil, errNothing
	}
	slices.Sort(latencies)
	return []value{
		{perRoundTrip, microseconds(t.cost.proxy.total) / float64(len(latencies))},
		{median, microseconds(percentile(latencies, 50))},
		{tail, microseconds(percentile(latencies, 99))},
	}, nil
}

// percentile is the smallest of sorted that p percent are not above.
func percentile(sorted []time.Duration, p int) time.Duration {
	rank := (len(sorted)*p + 99) / 100
	return sorted[max(rank, 1)-1]
}
