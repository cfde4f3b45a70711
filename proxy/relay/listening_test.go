package relay

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"usher/proxy/socket"
)

// hall is an Acceptor whose owners say what they hear.
type hall struct {
	accepted atomic.Int64
	over     atomic.Int64 // of those, who have closed their seats
	troubles atomic.Int64
	failed   chan error

	refuse bool
}

func newHall() *hall { return &hall{failed: make(chan error, 100)} }

func (a *hall) Accepted(s *Seat) Owner {
	a.accepted.Add(1)
	if a.refuse {
		return nil
	}
	s.Wake(time.Minute)
	return &echo{a}
}

func (a *hall) Troubled(error)   { a.troubles.Add(1) }
func (a *hall) Failed(err error) { a.failed <- err }

type echo struct{ hall *hall }

func (g *echo) Connected(*Seat, error) {}
func (g *echo) Take(s *Seat, p []byte) { s.Write(p) }
func (g *echo) Due(*Seat)              {}

func (g *echo) Lost(s *Seat, _ error) {
	g.hall.over.Add(1)
	s.Close()
}

// wantSoon fails unless the number becomes want.
func wantSoon(t *testing.T, why string, number func() int64, want int64) {
	t.Helper()
	for until := time.Now().Add(20 * time.Second); number() != want; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("%s: got %d, want %d", why, number(), want)
		}
	}
}

// clients returns how many the group has.
func (g *Group) clients() (n int64) {
	for _, lp := range g.loops {
		n += lp.clients()
	}
	return n
}

func newListening(t *testing.T, g *Group, a Acceptor) (net.Listener, *Listening) {
	t.Helper()
	l, err := socket.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at, err := g.Listen(l, a)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { at.Close(); l.Close() })
	return l, at
}

// converse has a client of network and address say something, and wants it
// back.
func converse(network, address string, i int) error {
	c, err := net.Dial(network, address)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	what := fmt.Appendf(nil, "client %d", i)
	if _, err := c.Write(what); err != nil {
		return err
	}
	return wantRead(c, what)
}

// converseAll has n clients do so, from a few goroutines.
func converseAll(t *testing.T, network, address string, n int) {
	t.Helper()
	const workers = 16
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := w; i < n; i += workers {
				if err := converse(network, address, i); err != nil {
					t.Errorf("client %d: %v", i, err)
					return
				}
			}
		})
	}
	all.Wait()
}

func TestListen(t *testing.T) {
	const n = 500
	g, a := newTestGroup(t), newHall()
	l, at := newListening(t, g, a)
	converseAll(t, "tcp", l.Addr().String(), n)
	wantSoon(t, "accepted", a.accepted.Load, n)
	wantSoon(t, "over", a.over.Load, n)
	wantSoon(t, "in the group", g.clients, 0)
	at.Close()
	at.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	theirs, err := l.Accept() // it is the caller's again
	if err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	if got := a.accepted.Load(); got != n {
		t.Errorf("got %d accepted, one of them when the listening was over", got)
	}
	if at, err = g.Listen(l, a); err != nil {
		t.Fatal(err)
	}
	defer at.Close()
	converseAll(t, "tcp", l.Addr().String(), 10)
}

func TestListenUnix(t *testing.T) {
	g, a := newTestGroup(t), newHall()
	path := filepath.Join(t.TempDir(), "s")
	l, err := socket.ListenUnix(path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	at, err := g.Listen(l, a)
	if err != nil {
		t.Fatal(err)
	}
	defer at.Close()
	converseAll(t, "unix", path, 100)
	wantSoon(t, "accepted", a.accepted.Load, 100)
}

// A client has the addresses that package net gives it.
func TestAcceptedAddresses(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", ":0", "[::1]:0"} {
		t.Run(address, func(t *testing.T) {
			l, err := socket.Listen(address)
			if err != nil {
				t.Skip(err)
			}
			defer l.Close()
			g, heard := newTestGroup(t), make(chan [2]string, 1)
			at, err := g.Listen(l, acceptorFunc(func(s *Seat) Owner {
				heard <- [2]string{s.LocalAddr().String(), s.RemoteAddr().String()}
				return nil
			}))
			if err != nil {
				t.Fatal(err)
			}
			defer at.Close()
			host := "127.0.0.1"
			if address == "[::1]:0" {
				host = "::1"
			}
			_, port, _ := net.SplitHostPort(l.Addr().String())
			c, err := net.Dial("tcp", net.JoinHostPort(host, port))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if got, want := <-heard, [2]string{c.RemoteAddr().String(), c.LocalAddr().String()}; got != want {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

// acceptorFunc is an Acceptor that has no trouble.
type acceptorFunc func(s *Seat) Owner

func (f acceptorFunc) Accepted(s *Seat) Owner { return f(s) }
func (f acceptorFunc) Troubled(error)         {}
func (f acceptorFunc) Failed(error)           {}

// A client without an owner is sent away.
func TestAcceptedIsRefused(t *testing.T) {
	g, a := newTestGroup(t), newHall()
	a.refuse = true
	l, _ := newListening(t, g, a)
	if err := converse("tcp", l.Addr().String(), 0); err == nil {
		t.Error("got an answer")
	}
	wantSoon(t, "in the group", g.clients, 0)
}

// A owner may take its seat off the loop in the very call that brings it.
func TestAcceptedLeaves(t *testing.T) {
	g, left := newTestGroup(t), make(chan net.Conn, 1)
	l, _ := newListening(t, g, acceptorFunc(func(s *Seat) Owner {
		c, err := s.Leave()
		if err != nil {
			t.Error(err)
		}
		left <- c
		return nil
	}))
	done := make(chan error, 1)
	go func() { done <- converse("tcp", l.Addr().String(), 0) }()
	c := <-left
	buf := make([]byte, len("client 0"))
	c.Read(buf)
	c.Write(buf)
	if err := <-done; err != nil {
		t.Error(err)
	}
	c.Close()
}

// A loop that has many more clients than another one gives it those who come.
func TestListenBalances(t *testing.T) {
	g, a := newTestGroup(t), newHall()
	if len(g.loops) < 2 {
		t.Skip("one loop has nobody to share with")
	}
	l, _ := newListening(t, g, a)
	free := make(chan struct{})
	for _, lp := range g.loops[1:] {
		lp.post(func(*loop) { <-free })
	}
	const n = 400
	dialled := make(chan net.Conn, n)
	for range n {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		dialled <- c
		defer c.Close()
	}
	wantSoon(t, "in the group", g.clients, n)
	close(free)
	wantSoon(t, "accepted", a.accepted.Load, n)
	for i, lp := range g.loops {
		if got, fair := lp.clients(), int64(n/len(g.loops)); got < fair/2 || got > fair*2 {
			t.Errorf("loop %d: got %d clients, want about %d", i, got, fair)
		}
	}
}

// Clients that reset their connections, before they are accepted or behind it,
// disturb nobody.
func TestListenUnderResets(t *testing.T) {
	g, a := newTestGroup(t), newHall()
	l, _ := newListening(t, g, a)
	var rude sync.WaitGroup
	for range 8 {
		rude.Go(func() {
			for i := range 100 {
				c, err := net.Dial("tcp", l.Addr().String())
				if err != nil {
					t.Error(err)
					return
				}
				c.(*net.TCPConn).SetLinger(0)
				if i%2 == 0 {
					c.Write([]byte("never mind"))
				}
				c.Close()
			}
		})
	}
	converseAll(t, "tcp", l.Addr().String(), 200)
	rude.Wait()
	wantSoon(t, "in the group", g.clients, 0)
	if len(a.failed) != 0 || a.troubles.Load() != 0 {
		t.Errorf("got %d failures and %d troubles, want none", len(a.failed), a.troubles.Load())
	}
}

// Whoever was accepted when the listening ends has an owner; nobody is accepted
// behind it.
func TestListeningClosesUnderFire(t *testing.T) {
	for range 20 {
		g, a := newTestGroup(t), newHall()
		l, at := newListening(t, g, a)
		stop := make(chan struct{})
		var fire sync.WaitGroup
		for range 8 {
			fire.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					c, err := net.DialTimeout("tcp", l.Addr().String(), time.Second)
					if err != nil {
						return
					}
					c.(*net.TCPConn).SetLinger(0)
					c.Close()
				}
			})
		}
		for a.accepted.Load() < 50 {
			time.Sleep(time.Millisecond)
		}
		at.Close()
		n := a.accepted.Load()
		g.sync()
		l.Close()
		close(stop)
		fire.Wait()
		g.sync()
		if got := a.accepted.Load(); got != n {
			t.Errorf("got %d accepted when the listening was over", got-n)
		}
		wantSoon(t, "over", a.over.Load, n)
	}
}

// The loops end with clients, listeners and dials; nothing is left of them.
func TestGroupClosesUnderFire(t *testing.T) {
	for range 10 {
		g, a := newTestGroup(t), newHall()
		l, _ := newListening(t, g, a)
		var fire sync.WaitGroup
		for range 8 {
			fire.Go(func() {
				for converse("tcp", l.Addr().String(), 0) == nil {
				}
			})
		}
		for a.accepted.Load() < 50 {
			time.Sleep(time.Millisecond)
		}
		g.Close()
		l.Close()
		fire.Wait()
		if n := g.clients(); n != 0 {
			t.Errorf("got %d clients left", n)
		}
		if got, over := a.accepted.Load(), a.over.Load(); got != over {
			t.Errorf("got %d of %d owners told that it is over", over, got)
		}
		if _, err := g.Listen(l, a); !errors.Is(err, ErrClosed) {
			t.Errorf("got %v from a group that is closed, want %v", err, ErrClosed)
		}
	}
}

func TestListenWithoutDescriptor(t *testing.T) {
	if _, err := newTestGroup(t).Listen(socket.NewQueue(), newHall()); err == nil {
		t.Error("got a listener taken that has no descriptor")
	}
}
