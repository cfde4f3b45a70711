//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// expiring has the tokens of a crowd end in the same second. What counts is when
// its last socket is told, and what others feel of it.
type expiring struct {
	rate
	crowd int
}

const (
	expiringAfter = 25 * time.Second // there is time to open the crowd
	expiringCalm  = 3 * time.Second  // before that, for the others alone
	expiringCode  = 3000             // of the Close frames
)

func (e expiring) run(t *trial) ([]value, error) {
	if err := (idle{e.sockets + e.crowd}).checkLimit(); err != nil {
		return nil, err
	}
	end := time.Now().Truncate(time.Second).Add(expiringAfter)
	c, err := newCrowd(t, e.crowd, end)
	if err != nil {
		return nil, err
	}
	defer c.close()
	over := make(chan struct{})
	var last time.Time
	var failed error
	go func() {
		defer close(over)
		if last, failed = c.wait(t.ctx); failed != nil {
			t.kill()
		}
	}()
	calm, meanwhile, err := e.felt(t, end)
	<-over
	switch {
	case failed != nil:
		return nil, failed
	case err != nil:
		return nil, err
	}
	return []value{
		{toLastClose, float64(last.Sub(end).Milliseconds())},
		{tailBefore, microseconds(percentile(calm, 99))},
		{tailMeanwhile, microseconds(percentile(meanwhile, 99))},
	}, nil
}

// felt returns the latencies of messages that were due shortly before end, and in
// the second behind it, sorted.
func (e expiring) felt(t *trial, end time.Time) (calm, meanwhile []time.Duration, err error) {
	l, err := newLoad(t.ctx, t.dialer, e.sockets, pathEcho, opText, smallMessage)
	if err != nil {
		return nil, nil, err
	}
	defer l.close()
	begin := end.Add(-expiringCalm)
	if time.Until(begin) < time.Second {
		return nil, nil, fmt.Errorf("the sockets were not open within %v", expiringAfter-expiringCalm)
	}
	due, err := e.pace(l)
	if err != nil {
		return nil, nil, err
	}
	l.message = func(s *socket) error {
		at := due(int(s.received-1)*e.sockets + s.id)
		switch took := time.Since(at); {
		case at.Before(begin):
		case at.Before(end):
			calm = append(calm, took)
		case at.Before(end.Add(time.Second)):
			meanwhile = append(meanwhile, took)
		}
		return nil
	}
	err = t.measured(func() error {
		_, err := l.run(t.ctx, time.Until(end.Add(2*time.Second)))
		return err
	})
	if err == nil && (len(calm) == 0 || len(meanwhile) == 0) {
		err = errNothing
	}
	slices.Sort(calm)
	slices.Sort(meanwhile)
	return calm, meanwhile, err
}

// crowd is sockets that do nothing but wait for their Close.
type crowd struct {
	epoll int
	links []*link
}

// newCrowd opens n sockets with tokens that are good until end.
func newCrowd(t *trial, n int, end time.Time) (*crowd, error) {
	d := *t.dialer
	var err error
	if d.head, err = t.signer.head(end); err != nil {
		return nil, err
	}
	c := &crowd{links: make([]*link, n)}
	if c.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	err = d.many(t.ctx, n, pathEcho, func(i int, k *link) error {
		c.links[i] = k
		if err := k.raw.unblock(); err != nil {
			return err
		}
		return unix.EpollCtl(c.epoll, unix.EPOLL_CTL_ADD, k.raw.fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)})
	})
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// wait waits until all sockets have had their Close, answers it, and returns when
// the last one came.
func (c *crowd) wait(ctx context.Context) (last time.Time, err error) {
	events, buf := make([]unix.EpollEvent, 1024), make([]byte, 4096)
	for left := len(c.links); left > 0; {
		n, err := unix.EpollWait(c.epoll, events, 100)
		if err != nil && err != unix.EINTR {
			return last, err
		}
		if ctx.Err() != nil {
			return last, fmt.Errorf("%d sockets were not closed: %w", left, context.Cause(ctx))
		}
		for _, e := range events[:max(n, 0)] {
			if err := c.take(int(e.Fd), buf); err != nil {
				return last, fmt.Errorf("socket %d of the crowd: %w", e.Fd, err)
			}
			left--
		}
		last = time.Now()
	}
	return last, nil
}

// take reads the Close of socket i, answers it and closes the socket.
func (c *crowd) take(i int, buf []byte) error {
	k := c.links[i]
	n, err := k.Read(buf)
	if err != nil {
		return err
	}
	h, size := parseHeader(buf[:n])
	if h.op != opClose || h.length < 2 || n < size+2 || binary.BigEndian.Uint16(buf[size:]) != expiringCode {
		return fmt.Errorf("got %q, want a Close of %d", buf[:n], expiringCode)
	}
	if _, err := k.Write(appendFrame(nil, opClose, buf[size:size+2], &sessionKey)); err != nil {
		return err
	}
	c.links[i] = nil
	return k.Close()
}

func (c *crowd) close() {
	for _, k := range c.links {
		if k != nil {
			k.Close()
		}
	}
	unix.Close(c.epoll)
}
