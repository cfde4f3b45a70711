//go:build linux

package main

import (
	"errors"
	"time"
)

// echo keeps one message in flight on every socket.
type echo struct {
	sockets int
	size    int
	op      byte
}

var errNothing = errors.New("no message came while it was measured")

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
	if _, err := l.run(t.ctx, t.length.warm); err != nil {
		return nil, err
	}
	messages, bytes := l.messages, l.bytes
	err = t.measured(func() error {
		_, err := l.run(t.ctx, t.length.measure)
		return err
	})
	if err != nil {
		return nil, err
	}
	if l.messages == messages {
		return nil, errNothing
	}
	spent := t.cost.proxy.total
	if e.size < kib {
		return []value{{perRoundTrip, microseconds(spent) / float64(l.messages-messages)}}, nil
	}
	// Both directions count: an echoed payload byte has passed the proxy twice.
	relayed := 2 * float64(l.bytes-bytes) / gib
	return []value{{perGiB, spent.Seconds() / relayed}}, nil
}

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
