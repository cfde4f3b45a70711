//go:build linux

package main

import (
	"crypto/tls"
	"time"
)

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

// resumed is handshakes by clients that have been there before.
func resumed(t *trial) ([]value, error) {
	t.dialer.tls.ClientSessionCache = tls.NewLRUClientSessionCache(0)
	k, err := t.dialer.dial(pathEcho, make([]byte, 4096)) // its ticket stands before the 101
	if err != nil {
		return nil, err
	}
	k.Close()
	t.dialer.resumes = true
	return handshakes{}.run(t)
}

func hangUp(_ int, k *link) error { return k.Close() }
