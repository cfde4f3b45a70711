//go:build linux

package main

import (
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Scenarios of Socket.IO: usher splits the namespaces of each session over three
// servers, the other proxies tunnel it to one that serves them all.

// event is the frame of an event of 50 bytes in the given namespace, so that
// what comes back is the same text.
func newEventSocket(id int, k *link, namespace string) *socket {
	prefix := `42["m","`
	if namespace != "/" {
		prefix = "42" + namespace + `,["mm","`
	}
	s := &socket{id: id, link: k, op: opText, key: sessionKey, stampAt: len(prefix)}
	s.want = append(s.want, prefix...)
	for len(s.want) < eventSize-2 {
		s.want = append(s.want, 'a'+byte(id+len(s.want))%26)
	}
	s.want = append(s.want, `"]`...)
	s.frame = appendFrame(nil, opText, s.want, &s.key)
	s.header = len(s.frame) - len(s.want)
	stamp(s.want[s.stampAt:], 0)
	return s
}

const eventSize = 50

// events keeps some events in flight on every session, which is in all
// namespaces and uses one of them.
type events struct {
	sessions int
	window   int
}

func (e events) run(t *trial) ([]value, error) {
	l, err := newSessions(t, e.sessions, len(namespaces))
	if err != nil {
		return nil, err
	}
	defer l.close()
	l.message = (*socket).send
	for range e.window {
		for _, s := range l.sockets {
			if err := s.send(); err != nil {
				return nil, err
			}
		}
	}
	messages, _, err := t.drive(l)
	if err != nil {
		return nil, err
	}
	return []value{{perForwarded, microseconds(t.cost.proxy.total) / messages / 2}}, nil
}

// eventRate sends events at a pace that leaves everybody idle most of the time.
type eventRate struct {
	sessions int
	second   int
}

func (e eventRate) run(t *trial) ([]value, error) {
	l, err := newSessions(t, e.sessions, len(namespaces))
	if err != nil {
		return nil, err
	}
	defer l.close()
	var latencies []time.Duration
	sent := make([]time.Time, e.sessions)
	next := 0
	if err := l.setPace(time.Second/time.Duration(e.second), func() error {
		s := l.sockets[next%e.sessions]
		if next++; s.sent > s.received {
			return nil // still on its way
		}
		sent[s.id] = time.Now()
		return s.send()
	}); err != nil {
		return nil, err
	}
	l.message = func(s *socket) error {
		latencies = append(latencies, time.Since(sent[s.id]))
		return nil
	}
	messages, _, err := t.drive(l)
	if err != nil {
		return nil, err
	}
	latencies = latencies[len(latencies)-int(messages):]
	slices.Sort(latencies)
	return []value{{median, microseconds(percentile(latencies, 50))}}, nil
}

// newSessions opens sessions by WebSocket that are in the first namespaces.
func newSessions(t *trial, n, joined int) (*load, error) {
	t.dialer.greets = true
	return newLoadOf(t.ctx, t.dialer, n, pathWebSocket, func(i int, k *link) (*socket, error) {
		s := session{link: k, held: k.early}
		if err := s.join(joined); err != nil {
			return nil, fmt.Errorf("session %d: %w", i, err)
		}
		return newEventSocket(i, k, namespaces[i%joined]), nil
	})
}

// idleSessions opens sessions and then sends nothing.
type idleSessions struct {
	sessions int
	joined   int
	polling  bool // with a GET that waits, in one namespace
}

func (i idleSessions) run(t *trial) ([]value, error) {
	before, err := t.resident()
	if err != nil {
		return nil, err
	}
	closeAll, err := i.open(t)
	if err != nil {
		return nil, err
	}
	defer closeAll()
	select {
	case <-time.After(t.length.idle):
	case <-t.ctx.Done():
		return nil, t.ctx.Err()
	}
	after, err := t.resident()
	if err != nil {
		return nil, err
	}
	return []value{{perSession, float64(after-before) / kib / float64(i.sessions)}}, nil
}

func (i idleSessions) open(t *trial) (closeAll func(), err error) {
	if !i.polling {
		l, err := newSessions(t, i.sessions, i.joined)
		if err != nil {
			return nil, err
		}
		return l.close, nil
	}
	links := make([]*link, i.sessions)
	closeAll = func() {
		for _, k := range links {
			if k != nil {
				k.Close()
			}
		}
	}
	err = t.dialer.each(t.ctx, i.sessions, func(n int) error {
		raw, err := dialRaw(t.dialer.address)
		if err != nil {
			return err
		}
		links[n] = &link{raw: raw}
		if err := unix.SetsockoptTimeval(raw.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 20}); err != nil {
			return err
		}
		return (&session{link: links[n]}).poll()
	})
	if err != nil {
		closeAll()
		return nil, err
	}
	return closeAll, nil
}
