package upstream

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"usher/proxy/config"
)

// newWeighted returns an upstream with endpoints "a:1", "b:1" and so on of these
// weights.
func newWeighted(t *testing.T, balance config.Balance, weights ...int) *Upstream {
	t.Helper()
	c := &config.Upstream{Name: "main", Balance: balance, Hash: config.Hash{By: config.HashQuery, Name: "user"}}
	for i, w := range weights {
		c.Endpoints = append(c.Endpoints, config.Endpoint{Scheme: config.HTTP, Address: string(rune('a'+i)) + ":1", Weight: w})
	}
	p := NewPool([]*config.Upstream{c})
	p.Random = rand.New(rand.NewPCG(1, 2)).Float64
	return p.Get("main")
}

func letters(picks []*Endpoint) string {
	var b strings.Builder
	for _, e := range picks {
		b.WriteByte(e.Address[0])
	}
	return b.String()
}

func TestSmoothRoundRobin(t *testing.T) {
	for _, tt := range []struct {
		weights []int
		want    string
	}{
		{[]int{1, 1, 1}, "abcabcabc"},
		{[]int{3, 1}, "aabaaaba"},
		{[]int{5, 1, 1}, "aabacaaaabacaa"},
		{[]int{1, 2, 3}, "cbacbccbacbc"},
	} {
		u := newWeighted(t, config.RoundRobin, tt.weights...)
		var got []*Endpoint
		for range len(tt.want) {
			got = append(got, mustPick(t, u))
		}
		if s := letters(got); s != tt.want {
			t.Errorf("weights %v: got %s, want %s", tt.weights, s, tt.want)
		}
	}
}

// However they are balanced, sessions that stay come to endpoints by weight.
func TestWeights(t *testing.T) {
	const sessions = 6000
	for _, balance := range []config.Balance{config.RoundRobin, config.LeastSessions, config.Random2, config.ByHash} {
		u := newWeighted(t, balance, 1, 2, 3)
		for i := range sessions {
			r := httptest.NewRequest("GET", fmt.Sprintf("/?user=%d", i), nil)
			if _, err := u.Pick(WithRequest(t.Context(), r, netip.Addr{}), new(Tries)); err != nil {
				t.Fatal(err)
			}
		}
		for i, e := range u.Endpoints() {
			want := sessions / 6 * (i + 1)
			if got := e.Sessions(); got < want*9/10 || got > want*11/10 {
				t.Errorf("%s, weight %d: got %d sessions, want %d or so", balance, i+1, got, want)
			}
		}
	}
}

// Of two that are drawn the one with fewer sessions for its weight is taken.
func TestRandom2(t *testing.T) {
	for _, tt := range []struct {
		use    [2]int
		random []float64
		want   string
	}{
		{[2]int{0, 0}, []float64{0.1, 0.9}, "a"},
		{[2]int{0, 0}, []float64{0.9, 0.1}, "b"},
		{[2]int{1, 0}, []float64{0.1, 0.9}, "b"},
		{[2]int{1, 0}, []float64{0.1, 0.2}, "a"}, // both are the first
		{[2]int{1, 2}, []float64{0.1, 0.9}, "b"}, // 2 of 3 are less than 1 of 1
		{[2]int{1, 4}, []float64{0.9, 0.1}, "a"},
	} {
		u := newWeighted(t, config.Random2, 1, 3)
		for i, n := range tt.use {
			u.members[i].sessions.Store(int64(n))
		}
		random := tt.random
		u.settings.Random = func() float64 {
			n := random[0]
			random = random[1:]
			return n
		}
		if got := mustPick(t, u); letters([]*Endpoint{got}) != tt.want {
			t.Errorf("use %v, random %v: got %v, want %s", tt.use, tt.random, got, tt.want)
		}
	}
}

// where returns the endpoint that each of n keys comes to.
func where(t *testing.T, u *Upstream, n int) []*Endpoint {
	t.Helper()
	var got []*Endpoint
	for i := range n {
		e, err := u.pick(time.Unix(0, 0), choice{key: fmt.Sprintf("user-%d", i), tries: new(Tries)})
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e)
	}
	return got
}

func TestHashMovesFew(t *testing.T) {
	const keys = 4000
	four := where(t, newWeighted(t, config.ByHash, 1, 1, 1, 1), keys)
	if again := where(t, newWeighted(t, config.ByHash, 1, 1, 1, 1), keys); letters(again) != letters(four) {
		t.Error("the same keys: got other endpoints in another usher")
	}
	five := where(t, newWeighted(t, config.ByHash, 1, 1, 1, 1, 1), keys)
	moved := 0
	for i := range keys {
		if four[i].Identity == five[i].Identity {
			continue
		}
		if moved++; five[i].Address != "e:1" {
			t.Fatalf("key %d: got moved from %v to %v, want none to move but to the new one", i, four[i], five[i])
		}
	}
	if moved < keys/5*9/10 || moved > keys/5*11/10 {
		t.Errorf("keys that came to the fifth endpoint: got %d of %d, want a fifth or so", moved, keys)
	}
	u := newWeighted(t, config.ByHash, 1, 1, 1, 1)
	u.Endpoints()[1].Disable(true)
	for i, e := range where(t, u, keys) {
		if four[i].Address != "b:1" && four[i].Identity != e.Identity {
			t.Fatalf("key %d: got moved from %v to %v as b is gone", i, four[i], e)
		}
	}
}

func TestKeyOfTheClient(t *testing.T) {
	for _, tt := range []struct {
		hash config.Hash
		want string
	}{
		{config.Hash{By: config.HashHeader, Name: "X-User"}, "one"},
		{config.Hash{By: config.HashHeader, Name: "X-Other"}, ""},
		{config.Hash{By: config.HashCookie, Name: "id"}, "two"},
		{config.Hash{By: config.HashCookie, Name: "other"}, ""},
		{config.Hash{By: config.HashQuery, Name: "user"}, "th ree"},
		{config.Hash{By: config.HashQuery, Name: "other"}, ""},
		{config.Hash{By: config.HashIP}, "192.0.2.7"},
	} {
		u := &Upstream{balance: config.ByHash, hash: tt.hash}
		r := httptest.NewRequest("GET", "/?user=th%20ree&user=2", nil)
		r.Header.Set("X-User", "one")
		r.Header.Set("Cookie", "a=b; id=two")
		if got := u.key(WithRequest(t.Context(), r, netip.MustParseAddr("192.0.2.7")), new(Tries)); got != tt.want {
			t.Errorf("%+v: got %q, want %q", tt.hash, got, tt.want)
		}
		if got := u.key(t.Context(), new(Tries)); got != "" {
			t.Errorf("%+v without a request: got %q, want none", tt.hash, got)
		}
	}
}

// Clients that cannot be told apart take turns.
func TestWithoutKeyTheyTakeTurns(t *testing.T) {
	u := newWeighted(t, config.ByHash, 1, 1)
	if got := letters([]*Endpoint{mustPick(t, u), mustPick(t, u), mustPick(t, u)}); got != "aba" {
		t.Errorf("picks: got %s, want aba", got)
	}
}

func TestMaxSessions(t *testing.T) {
	for _, balance := range []config.Balance{config.RoundRobin, config.LeastSessions, config.Random2, config.ByHash} {
		u := newWeighted(t, balance, 1, 1)
		u.members[0].max, u.members[1].max = 1, 2
		var held []*Endpoint
		for range 3 {
			held = append(held, mustPick(t, u))
		}
		if u.members[0].Sessions() != 1 || u.members[1].Sessions() != 2 {
			t.Errorf("%s: got %d and %d sessions, want 1 and 2", balance, u.members[0].Sessions(), u.members[1].Sessions())
		}
		if _, err := u.Pick(t.Context(), new(Tries)); !errors.Is(err, ErrFull) {
			t.Errorf("%s: when all are full: got %v, want ErrFull", balance, err)
		}
		e, err := u.PickRequest(t.Context(), new(Tries))
		if err != nil {
			t.Fatalf("%s: a plain request: got %v, want an endpoint", balance, err)
		}
		e.ReleaseRequest()
		held[2].Release()
		mustPick(t, u)
	}
}

func TestPickDoesNotAllocate(t *testing.T) {
	for _, balance := range []config.Balance{config.RoundRobin, config.LeastSessions, config.Random2, config.ByHash} {
		u := newWeighted(t, balance, 1, 2, 3)
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("X-User", "one")
		ctx := WithRequest(t.Context(), r, netip.Addr{})
		u.hash = config.Hash{By: config.HashHeader, Name: "X-User"}
		tries := new(Tries)
		if n := testing.AllocsPerRun(100, func() { u.Pick(ctx, tries) }); n != 0 {
			t.Errorf("%s: got %v allocations, want none", balance, n)
		}
	}
}
