//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// takeover is what sockets notice that have something to say at a steady rate
// while usher takes its own place again and again: half of them by TLS.
func takeover(ctx context.Context, o options, upgrades int) (err error) {
	s, err := newStage(o)
	if err != nil {
		return err
	}
	defer func() { s.close(err == nil) }()
	s.sockets = 4 // of each group one
	if err := s.begin(ctx); err != nil {
		return err
	}
	talks, err := s.talk(o.sockets, o.every)
	if err != nil {
		return err
	}
	if err := pause(ctx, 3*time.Second); err != nil {
		return err
	}
	quiet, alone := talks.take(), memory(s.usher.process.Pid)
	fmt.Printf("%d sockets; a message waits %v (p99), %v (longest)\n", o.sockets, quiet.p99(), quiet.longest())
	most := 0
	for range upgrades {
		stop := make(chan struct{})
		var watch sync.WaitGroup
		watch.Go(func() { most = max(most, s.watchMemory(stop)) })
		err := errors.Join(s.usher.upgrade(), pause(ctx, 500*time.Millisecond))
		close(stop)
		watch.Wait()
		if err != nil {
			return err
		}
	}
	during := talks.take()
	talks.end()
	lines, err := s.usher.logged(0)
	if err != nil {
		return err
	}
	var moves []string
	for _, l := range lines {
		if l.Msg == "upgrade: sessions moved" {
			moves = append(moves, fmt.Sprintf("%.2f", l.Seconds))
		}
	}
	fmt.Printf("%d upgrades: a message waits %v (p99), %v (longest); %d sockets ended, %d messages wrong\n",
		upgrades, during.p99(), during.longest(), talks.ended.Load(), talks.wrong.Load())
	fmt.Printf("the move took %s s; memory of both processes at most %.2f times that of one\n", strings.Join(moves, ", "), float64(most)/float64(alone))
	if talks.ended.Load()+talks.wrong.Load() > 0 {
		return fmt.Errorf("first: %w", *talks.first.Load())
	}
	return nil
}

// talks are sockets that send numbered messages.
type talks struct {
	conns []*websocket.Conn
	over  sync.WaitGroup
	stop  atomic.Bool
	ended atomic.Int64
	wrong atomic.Int64
	first atomic.Pointer[error] // that went wrong

	mu    sync.Mutex
	waits waits // guarded by mu
}

// waits are how long messages took to come back.
type waits []time.Duration

func (w waits) p99() time.Duration { return w[len(w)*99/100].Round(100 * time.Microsecond) }

func (w waits) longest() time.Duration { return w[len(w)-1].Round(100 * time.Microsecond) }

// talk opens sockets, half of them by TLS. None has anything to say before the
// last is open: those that talk would keep the others from it for minutes.
func (s *stage) talk(sockets int, every time.Duration) (*talks, error) {
	t := &talks{}
	for n := range sockets {
		c, err := dial(s.groups[n%2].url, s.usher.trust())
		if err != nil {
			return nil, err
		}
		t.conns = append(t.conns, c.conn)
	}
	for n, c := range t.conns {
		sent := make(chan time.Time, 1000)
		t.over.Go(func() {
			time.Sleep(time.Duration(n) * every / time.Duration(sockets))
			t.send(c, sent, every)
		})
		t.over.Go(func() { t.receive(c, sent) })
	}
	return t, nil
}

func (t *talks) send(c *websocket.Conn, sent chan<- time.Time, every time.Duration) {
	for number := uint64(0); !t.stop.Load(); number++ {
		m := binary.BigEndian.AppendUint64(make([]byte, 0, 64), number)
		sent <- time.Now()
		if err := c.WriteMessage(websocket.BinaryMessage, append(m, make([]byte, number%50)...)); err != nil {
			return // receive tells
		}
		time.Sleep(every)
	}
}

func (t *talks) receive(c *websocket.Conn, sent <-chan time.Time) {
	for number := uint64(0); ; number++ {
		_, m, err := c.ReadMessage()
		if t.stop.Load() {
			return
		}
		if err != nil {
			t.ended.Add(1)
			t.first.CompareAndSwap(nil, &err)
			return
		}
		if len(m) != 8+int(number%50) || binary.BigEndian.Uint64(m) != number {
			t.wrong.Add(1)
			err := fmt.Errorf("message %d came as one of %d bytes, %x", number, len(m), m[:min(8, len(m))])
			t.first.CompareAndSwap(nil, &err)
			return
		}
		t.note(time.Since(<-sent))
	}
}

func (t *talks) note(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waits = append(t.waits, d)
}

// take returns the waits since it was called last, in order.
func (t *talks) take() waits {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := t.waits
	t.waits = nil
	slices.Sort(w)
	return w
}

func (t *talks) end() {
	t.stop.Store(true)
	for _, c := range t.conns {
		c.Close()
	}
	t.over.Wait()
}

// watchMemory returns how much all processes of usher had together at most.
func (s *stage) watchMemory(stop <-chan struct{}) (most int) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return most
		case <-tick.C:
		}
		all := 0
		for _, pid := range s.processes() {
			all += memory(pid)
		}
		most = max(most, all)
	}
}

// processes are those that run usher's binary.
func (s *stage) processes() (list []int) {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if path, err := os.Readlink("/proc/" + e.Name() + "/exe"); err == nil && path == s.usher.binary {
			list = append(list, pid)
		}
	}
	return list
}

// memory returns a process's own share of what it has in memory, in KiB.
func memory(pid int) int {
	f, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "Pss:"); ok {
			n, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
			return n
		}
	}
	return 0
}
