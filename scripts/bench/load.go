//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"
)

// load is the client side: one epoll loop over all sockets. Its callbacks are
// what a scenario is made of. It is used by one goroutine.
type load struct {
	epoll   int
	timer   int // descriptor of the pace, 0 if there is none
	sockets []*socket
	events  []unix.EpollEvent
	buf     []byte

	message func(s *socket) error // a whole message has come and was right
	pace    func() error          // the timer has ticked

	messages int64 // come, all sockets
	bytes    int64 // of payload come, all sockets
}

const timerEvent = -1

// newLoad opens n sockets to path, each with its own payload of size bytes.
func newLoad(ctx context.Context, d *dialer, n int, path string, op byte, size int) (*load, error) {
	return newLoadOf(ctx, d, n, path, func(i int, k *link) (*socket, error) { return newSocket(i, k, op, size), nil })
}

// newLoadOf opens n sockets to path and has each made by prepare, which may
// read and write first.
func newLoadOf(ctx context.Context, d *dialer, n int, path string, prepare func(int, *link) (*socket, error)) (*load, error) {
	debug.SetGCPercent(400)
	l := &load{sockets: make([]*socket, n), events: make([]unix.EpollEvent, 1024), buf: make([]byte, readSize)}
	var err error
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	err = d.many(ctx, n, path, func(i int, k *link) error {
		s, err := prepare(i, k)
		if err != nil {
			k.Close()
			return err
		}
		l.sockets[i] = s
		if err := k.raw.unblock(); err != nil {
			return err
		}
		e := unix.EpollEvent{Events: edges, Fd: int32(i)}
		return unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, k.raw.fd, &e)
	})
	if err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// setPace has pace called every interval from now on. A timer of the kernel's
// own has no slack, unlike the timeout of a wait.
func (l *load) setPace(interval time.Duration, pace func() error) error {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return err
	}
	l.timer, l.pace = fd, pace
	t := unix.NsecToTimespec(int64(interval))
	if err := unix.TimerfdSettime(fd, 0, &unix.ItimerSpec{Interval: t, Value: t}, nil); err != nil {
		return err
	}
	e := unix.EpollEvent{Events: unix.EPOLLIN, Fd: timerEvent}
	return unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &e)
}

var errDone = errors.New("done")

// run drives the sockets for d, or until a callback returns errDone.
func (l *load) run(ctx context.Context, d time.Duration) (done bool, err error) {
	for end := time.Now().Add(d); !done; {
		left := time.Until(end)
		if left <= 0 {
			return false, nil
		}
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		n, err := unix.EpollWait(l.epoll, l.events, int(min(left/time.Millisecond+1, 100)))
		if err != nil && err != unix.EINTR {
			return false, err
		}
		for i := range max(n, 0) {
			if err := l.event(&l.events[i]); errors.Is(err, errDone) {
				done = true // but the other events must not be lost
			} else if err != nil {
				return false, err
			}
		}
	}
	return true, nil
}

// until drives the sockets until a callback returns errDone; limit is how long
// that may take.
func (l *load) until(ctx context.Context, limit time.Duration) error {
	done, err := l.run(ctx, limit)
	if err == nil && !done {
		err = fmt.Errorf("not through after %v", limit)
	}
	return err
}

func (l *load) event(e *unix.EpollEvent) error {
	if e.Fd == timerEvent {
		var ticks [8]byte
		_, _ = unix.Read(l.timer, ticks[:]) // arms the event again; the clock says how much is due
		return l.pace()
	}
	s := l.sockets[e.Fd]
	if e.Events&unix.EPOLLOUT != 0 {
		if err := s.flush(); err != nil {
			return s.wrap(err)
		}
	}
	if e.Events&^unix.EPOLLOUT == 0 {
		return nil
	}
	err := l.readable(s)
	if err != nil && !errors.Is(err, errDone) {
		return s.wrap(err)
	}
	return err
}

// readable takes all that s has. A callback's errDone is kept for the end, so
// that no edge is lost.
func (l *load) readable(s *socket) error {
	s.link.raw.drained = false
	var done error
	for {
		n, err := s.link.Read(l.buf)
		if errors.Is(err, errAgain) {
			return done
		}
		if err != nil {
			return err
		}
		if err := s.feed(l, l.buf[:n]); errors.Is(err, errDone) {
			done = err
		} else if err != nil {
			return err
		}
	}
}

func (l *load) close() {
	for _, s := range l.sockets {
		if s != nil {
			s.link.Close()
		}
	}
	if l.timer > 0 {
		unix.Close(l.timer)
	}
	unix.Close(l.epoll)
}
