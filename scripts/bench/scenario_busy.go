//go:build linux

package main

import (
	"context"
	"time"
)

// busy is a rate while others come and go: what counts is what those who are
// there feel of it.
type busy struct {
	rate
	handshakes int // in one second
}

// busyBatch is how many come at once.
const busyBatch = 8

func (b busy) run(t *trial) ([]value, error) {
	ctx, cancel := context.WithCancel(t.ctx)
	defer cancel()
	var failed error
	over := make(chan struct{})
	go func() {
		defer close(over)
		if failed = b.comeAndGo(ctx, t); failed != nil {
			t.kill()
		}
	}()
	latencies, err := b.latencies(t)
	cancel()
	<-over
	if failed != nil {
		err = failed
	}
	if err != nil {
		return nil, err
	}
	return []value{
		{median, microseconds(percentile(latencies, 50))},
		{tail, microseconds(percentile(latencies, 99))},
	}, nil
}

// comeAndGo makes handshakes at their pace until ctx is done.
func (b busy) comeAndGo(ctx context.Context, t *trial) error {
	tick := time.NewTicker(time.Second * busyBatch / time.Duration(b.handshakes))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := t.dialer.many(t.ctx, busyBatch, pathEcho, hangUp); err != nil {
			return err
		}
	}
}
