package upstream

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"usher/proxy/config"
)

func newTestUpstream(t *testing.T, balance config.Balance, addresses ...string) *Upstream {
	t.Helper()
	c := &config.Upstream{Name: "main", Balance: balance, DialTimeout: 5 * time.Second}
	for _, a := range addresses {
		c.Endpoints = append(c.Endpoints, config.Endpoint{Scheme: config.HTTP, Address: a})
	}
	return NewPool([]*config.Upstream{c}).Get("main")
}

func mustPick(t *testing.T, u *Upstream, tried ...*Endpoint) *Endpoint {
	t.Helper()
	e, err := u.Pick(tried...)
	if err != nil {
		t.Fatalf("Pick: got %v, want an endpoint", err)
	}
	return e
}

func newTestServer(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// closedAddress returns an address that nobody listens on.
func closedAddress(t *testing.T) string {
	t.Helper()
	l := newTestServer(t)
	l.Close()
	return l.Addr().String()
}

func TestGetUnknown(t *testing.T) {
	if got := NewPool(nil).Get("chat"); got != nil {
		t.Errorf("Get of an unknown name: got %v, want nil", got)
	}
}

func TestRoundRobinTakesTurns(t *testing.T) {
	u := newTestUpstream(t, config.RoundRobin, "a:1", "b:1", "c:1")
	var got []string
	for range 7 {
		got = append(got, mustPick(t, u).Address)
	}
	if s, want := strings.Join(got, " "), "a:1 b:1 c:1 a:1 b:1 c:1 a:1"; s != want {
		t.Errorf("picks: got %s, want %s", s, want)
	}
}

func TestLeastSessionsPrefersTheLeastUsed(t *testing.T) {
	u := newTestUpstream(t, config.LeastSessions, "a:1", "b:1", "c:1")
	a, b, c := mustPick(t, u), mustPick(t, u), mustPick(t, u)
	if a == b || b == c || a == c {
		t.Fatalf("equals do not take turns: got %v %v %v", a, b, c)
	}
	b.Release()
	if got := mustPick(t, u); got != b {
		t.Errorf("after a release: got %v, want the free %v", got, b)
	}
	c.Release()
	if got := mustPick(t, u); got != c {
		t.Errorf("after another release: got %v, want the free %v", got, c)
	}
	if got := a.Use() + b.Use() + c.Use(); got != 3 {
		t.Errorf("picks not released: got %d, want 3", got)
	}
}

func TestPickPassesOverTheTried(t *testing.T) {
	for _, balance := range []config.Balance{config.RoundRobin, config.LeastSessions} {
		u := newTestUpstream(t, balance, "a:1", "b:1")
		first := mustPick(t, u)
		second := mustPick(t, u, first)
		if first == second {
			t.Errorf("%s: got %v twice", balance, first)
		}
		if _, err := u.Pick(first, second); !errors.Is(err, ErrNoEndpoint) {
			t.Errorf("%s: all tried: got %v, want ErrNoEndpoint", balance, err)
		}
	}
}

func TestReleaseTwicePanics(t *testing.T) {
	e := mustPick(t, newTestUpstream(t, config.RoundRobin, "a:1"))
	e.Release()
	defer func() {
		if recover() == nil {
			t.Error("second Release: got no panic")
		}
	}()
	e.Release()
}

func TestDialPassesOverARefusal(t *testing.T) {
	live := newTestServer(t).Addr().String()
	dead := closedAddress(t)
	u := newTestUpstream(t, config.RoundRobin, dead, live)
	e, conn, err := u.Dial(t.Context())
	if err != nil {
		t.Fatalf("Dial: got %v, want a connection to %s", err, live)
	}
	defer conn.Close()
	if e.Address != live || conn.RemoteAddr().String() != live {
		t.Errorf("Dial: got %s (%s), want %s", e.Address, conn.RemoteAddr(), live)
	}
	if got := u.endpoints[0].Use(); got != 0 {
		t.Errorf("use of the endpoint that refused: got %d, want 0", got)
	}
	if got := e.Use(); got != 1 {
		t.Errorf("use of the endpoint that took it: got %d, want 1", got)
	}
}

func TestDialWhenAllRefuse(t *testing.T) {
	u := newTestUpstream(t, config.RoundRobin, closedAddress(t), closedAddress(t))
	_, _, err := u.Dial(t.Context())
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("Dial: got %v, want connection refused", err)
	}
	for _, e := range u.Endpoints() {
		if e.Use() != 0 {
			t.Errorf("use of %v: got %d, want 0", e, e.Use())
		}
	}
}

func TestDialDoesNotAddUpTimeouts(t *testing.T) {
	live := newTestServer(t).Addr().String()
	u := newTestUpstream(t, config.RoundRobin, live, live)
	u.endpoints[0].dialTimeout.Store(1)
	_, _, err := u.Dial(t.Context())
	de, ok := errors.AsType[*DialError](err)
	if !ok || !de.Timeout() {
		t.Fatalf("Dial: got %v, want a timeout", err)
	}
	if TryNext(t.Context(), err) {
		t.Error("TryNext after a timeout: got true, want false")
	}
	if u.next != 1 {
		t.Errorf("endpoints tried: got %d, want 1", u.next)
	}
}

func TestDialEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	u := newTestUpstream(t, config.RoundRobin, closedAddress(t), closedAddress(t))
	if _, _, err := u.Dial(ctx); err == nil {
		t.Fatal("Dial with a context that is done: got a connection")
	}
	if u.next != 1 {
		t.Errorf("endpoints tried: got %d, want 1", u.next)
	}
}
