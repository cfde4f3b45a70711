package upstream

import (
	"testing"
	"time"

	"usher/proxy/config"
)

func upstreams(timeout time.Duration, balance config.Balance, addresses ...string) []*config.Upstream {
	c := &config.Upstream{Name: "main", Balance: balance, DialTimeout: timeout}
	for _, a := range addresses {
		c.Endpoints = append(c.Endpoints, config.Endpoint{Scheme: config.HTTP, Address: a})
	}
	return []*config.Upstream{c}
}

// What is known of an endpoint lives on as long as its upstream has it.
func TestNextKeepsEndpoints(t *testing.T) {
	first := NewPool(upstreams(time.Second, config.RoundRobin, "a:1", "b:1"))
	a, b := mustPick(t, first.Get("main")), mustPick(t, first.Get("main"))
	second := first.Next(upstreams(time.Minute, config.LeastSessions, "c:1", "b:1"), nil)
	if second.Settings != first.Settings {
		t.Error("got other settings for the next pool")
	}
	if got := second.Get("main").Endpoints()[1]; got != b || got.Use() != 1 {
		t.Errorf("endpoint that stays: got %p with %d in use, want %p with 1", got, got.Use(), b)
	}
	if !second.Has(b.Identity) || second.Has(a.Identity) {
		t.Error("Has: got the wrong answer for one that stays or one that goes")
	}
	if got := time.Duration(b.dialTimeout.Load()); got != time.Minute {
		t.Errorf("dial timeout: got %v, want that of the new file", got)
	}
	if got := mustPick(t, second.Get("main")); got.Address != "c:1" {
		t.Errorf("least sessions: got %v, want the fresh c:1", got)
	}
	a.Release()
	b.Release()
	if a.Use() != 0 || b.Use() != 0 {
		t.Errorf("use: got %d and %d, want 0", a.Use(), b.Use())
	}
}

// The same address under another name or scheme is another endpoint.
func TestIdentityOfAnEndpoint(t *testing.T) {
	first := NewPool(upstreams(0, config.RoundRobin, "a:1"))
	e := first.Get("main").Endpoints()[0]
	for _, c := range []*config.Upstream{
		{Name: "other", Endpoints: []config.Endpoint{{Scheme: config.HTTP, Address: "a:1"}}},
		{Name: "main", Endpoints: []config.Endpoint{{Scheme: config.HTTPS, Address: "a:1"}}},
	} {
		if first.Next([]*config.Upstream{c}, nil).Has(e.Identity) {
			t.Errorf("%s %s: got the identity of %s", c.Name, c.Endpoints[0].Scheme, e.Identity)
		}
	}
}

// Round robin goes on where it was, rather than send all to the first.
func TestNextKeepsTheTurn(t *testing.T) {
	p := NewPool(upstreams(0, config.RoundRobin, "a:1", "b:1"))
	for _, want := range []string{"a:1", "b:1", "a:1", "b:1"} {
		if got := mustPick(t, p.Get("main")).Address; got != want {
			t.Errorf("pick: got %s, want %s", got, want)
		}
		p = p.Next(upstreams(0, config.RoundRobin, "a:1", "b:1"), nil)
	}
}
