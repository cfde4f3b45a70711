package upstream

import (
	"context"
	"errors"
	"net"
	"os"
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
	e, err := u.Pick(t.Context(), &Tries{endpoints: tried})
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
		if _, err := u.Pick(t.Context(), &Tries{endpoints: []*Endpoint{first, second}}); !errors.Is(err, ErrNoEndpoint) {
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
	e, conn, err := u.DialNext(t.Context(), new(Tries))
	if err != nil {
		t.Fatalf("Dial: got %v, want a connection to %s", err, live)
	}
	defer conn.Close()
	if e.Address != live || conn.RemoteAddr().String() != live {
		t.Errorf("Dial: got %s (%s), want %s", e.Address, conn.RemoteAddr(), live)
	}
	if got := u.Endpoints()[0].Use(); got != 0 {
		t.Errorf("use of the endpoint that refused: got %d, want 0", got)
	}
	if got := e.Use(); got != 1 {
		t.Errorf("use of the endpoint that took it: got %d, want 1", got)
	}
}

func TestDialWhenAllRefuse(t *testing.T) {
	u := newTestUpstream(t, config.RoundRobin, closedAddress(t), closedAddress(t))
	_, _, err := u.DialNext(t.Context(), new(Tries))
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("Dial: got %v, want connection refused", err)
	}
	for _, e := range u.Endpoints() {
		if e.Use() != 0 {
			t.Errorf("use of %v: got %d, want 0", e, e.Use())
		}
	}
}

// One endpoint that is too slow is passed over, but the waiting must not add up.
func TestDialBoundsTimeouts(t *testing.T) {
	live := newTestServer(t).Addr().String()
	for _, tt := range []struct {
		name  string
		slow  int // of three
		tried int
		ok    bool
	}{
		{"one", 1, 2, true},
		{"two", 2, 2, false},
		{"three", 3, 2, false},
	} {
		u := newTestUpstream(t, config.RoundRobin, "a:1", "b:1", "c:1")
		tried := 0
		u.settings.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			if tried++; tried <= tt.slow {
				return nil, os.ErrDeadlineExceeded
			}
			return (&net.Dialer{}).DialContext(ctx, network, live)
		}
		e, conn, err := u.DialNext(t.Context(), new(Tries))
		if err == nil {
			conn.Close()
			e.Release()
		} else if de, ok := errors.AsType[*DialError](err); !ok || de.Kind != Timeout {
			t.Errorf("%s: got %v, want a timeout", tt.name, err)
		}
		if tried != tt.tried || (err == nil) != tt.ok {
			t.Errorf("%s slow: got %d tried and %v, want %d and a connection: %v", tt.name, tried, err, tt.tried, tt.ok)
		}
	}
}

func TestDialEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	u := newTestUpstream(t, config.RoundRobin, closedAddress(t), closedAddress(t))
	if _, _, err := u.DialNext(ctx, new(Tries)); err == nil {
		t.Fatal("Dial with a context that is done: got a connection")
	}
	first := u.stats().Endpoints[0]
	if first.State != Unchecked || first.DialFailures["client_gone"] != 1 {
		t.Errorf("endpoint whose client went away: got %+v, want it unchecked", first)
	}
	if n := u.stats().Endpoints[1].DialFailures["client_gone"]; n != 0 {
		t.Errorf("dials of another endpoint: got %d, want none", n)
	}
}
