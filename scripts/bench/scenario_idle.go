//go:build linux

package main

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// idle opens sockets, sends one message on each, and then nothing. Memory is
// what they added to the proxy that had none.
type idle struct{ sockets int }

// idleWindow is the end of the silence, in which CPU time is taken.
const idleWindow = 10 * time.Second

func (i idle) run(t *trial) ([]value, error) {
	if err := i.checkLimit(); err != nil {
		return nil, err
	}
	before, err := t.resident()
	if err != nil {
		return nil, err
	}
	l, err := newLoad(t.ctx, t.dialer, i.sockets, pathEcho, opText, smallMessage)
	if err != nil {
		return nil, err
	}
	defer l.close()
	if err := i.once(t, l); err != nil {
		return nil, err
	}
	if err := i.silence(t, l); err != nil {
		return nil, err
	}
	after, err := t.resident()
	if err != nil {
		return nil, err
	}
	spent := t.cost.proxy.total.Seconds() * 1000 * idleWindow.Seconds() / t.cost.wall.Seconds()
	return []value{
		{perSocket, float64(after-before) / kib / float64(i.sockets)},
		{whileIdle, spent},
	}, nil
}

// checkLimit fails early where a proxy could not have two descriptors for
// every socket.
func (i idle) checkLimit() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	if need := uint64(2*i.sockets + 500); limit.Max < need {
		return fmt.Errorf("a process may open %d files here, a proxy needs %d", limit.Max, need)
	}
	return nil
}

// silence waits, and measures the end of the wait.
func (i idle) silence(t *trial, l *load) error {
	window := min(idleWindow, t.length.idle)
	if _, err := l.run(t.ctx, t.length.idle-window); err != nil {
		return err
	}
	return t.measured(func() error {
		_, err := l.run(t.ctx, window)
		return err
	})
}

// once sends a message on every socket and waits for all answers.
func (i idle) once(t *trial, l *load) error {
	missing := i.sockets
	l.message = func(*socket) error {
		if missing--; missing > 0 {
			return nil
		}
		return errDone
	}
	for _, s := range l.sockets {
		if err := s.send(); err != nil {
			return err
		}
	}
	return l.until(t.ctx, 30*time.Second)
}
