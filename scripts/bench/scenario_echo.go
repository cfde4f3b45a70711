//go:build linux

package main

import "time"

// echo keeps one message in flight on every socket.
type echo struct {
	sockets int
	size    int
	op      byte
}

func (e echo) run(t *trial) ([]value, error) {
	l, err := newLoad(t.ctx, t.dialer, e.sockets, pathEcho, e.op, e.size)
	if err != nil {
		return nil, err
	}
	defer l.close()
	l.message = (*socket).send
	for _, s := range l.sockets {
		if err := s.send(); err != nil {
			return nil, err
		}
	}
	messages, bytes, err := t.drive(l)
	if err != nil {
		return nil, err
	}
	spent := t.cost.proxy.total
	if e.size < kib {
		return []value{{perRoundTrip, microseconds(spent) / messages}}, nil
	}
	// Both directions count: an echoed payload byte has passed the proxy twice.
	return []value{{perGiB, spent.Seconds() / (2 * bytes / gib)}}, nil
}

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
