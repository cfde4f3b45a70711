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
	latencies, err := r.latencies(t)
	if err != nil {
		return nil, err
	}
	return []value{
		{perRoundTrip, microseconds(t.cost.proxy.total) / float64(len(latencies))},
		{median, microseconds(percentile(latencies, 50))},
		{tail, microseconds(percentile(latencies, 99))},
	}, nil
}

// latencies are those of the messages in the measured part, sorted.
func (r rate) latencies(t *trial) ([]time.Duration, error) {
	l, err := newLoad(t.ctx, t.dialer, r.sockets, pathEcho, opText, smallMessage)
	if err != nil {
		return nil, err
	}
	defer l.close()
	var latencies []time.Duration
	latencies = slices.Grow(latencies, r.second*int((t.length.warm+t.length.measure)/time.Second+2))
	due, err := r.pace(l)
	if err != nil {
		return nil, err
	}
	l.message = func(s *socket) error {
		n := int(s.received-1)*r.sockets + s.id
		latencies = append(latencies, time.Since(due(n)))
		return nil
	}
	messages, _, err := t.drive(l)
	if err != nil {
		return nil, err
	}
	latencies = latencies[len(latencies)-int(messages):]
	slices.Sort(latencies)
	return latencies, nil
}

// pace has l send from now on. The function it returns says when message
// number n of all was due.
func (r rate) pace(l *load) (due func(n int) time.Time, err error) {
	interval := time.Second / time.Duration(r.second)
	start := time.Now()
	due = func(n int) time.Time { return start.Add(time.Duration(n+1) * interval) }
	sent := 0
	err = l.setPace(interval, func() error {
		for now := time.Now(); !due(sent).After(now); sent++ {
			if err := l.sockets[sent%r.sockets].send(); err != nil {
				return err
			}
		}
		return nil
	})
	return due, err
}

// percentile is the smallest of sorted that p percent are not above.
func percentile(sorted []time.Duration, p int) time.Duration {
	rank := (len(sorted)*p + 99) / 100
	return sorted[max(rank, 1)-1]
}
