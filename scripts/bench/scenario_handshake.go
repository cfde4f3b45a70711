//go:build linux

package main

import "time"

// handshakes connects, upgrades and disconnects, some at a time. The cost ends
// when the upstream has seen the last one go.
type handshakes struct{}

const handshakeBatch = 500

func (h handshakes) run(t *trial) ([]value, error) {
	if err := h.some(t, handshakeBatch); err != nil {
		return nil, err
	}
	count := 0
	err := t.measured(func() error {
		for start := time.Now(); time.Since(start) < t.length.measure; count += handshakeBatch {
			if err := t.dialer.many(t.ctx, handshakeBatch, pathEcho, hangUp); err != nil {
				return err
			}
		}
		return t.upstream.waitOpen(t.ctx, 0)
	})
	if err != nil {
		return nil, err
	}
	return []value{{perHandshake, microseconds(t.cost.proxy.total) / float64(count)}}, nil
}

// some opens and closes n connections and waits until all are gone.
func (h handshakes) some(t *trial, n int) error {
	if err := t.dialer.many(t.ctx, n, pathEcho, hangUp); err != nil {
		return err
	}
	return t.upstream.waitOpen(t.ctx, 0)
}

func hangUp(_ int, k *link) error { return k.Close() }
