package forward

import (
	"testing"

	"usher/proxy/config"
	"usher/proxy/upstream"
)

func TestKeepForgetsEndpoints(t *testing.T) {
	list := func(addresses ...string) []*config.Upstream {
		c := &config.Upstream{Name: "main", Balance: config.RoundRobin}
		for _, a := range addresses {
			c.Endpoints = append(c.Endpoints, config.Endpoint{Scheme: config.HTTP, Address: a})
		}
		return []*config.Upstream{c}
	}
	pool := upstream.NewPool(list("a:1", "b:1"))
	var ts Transports
	for _, e := range pool.Endpoints() {
		ts.of(e)
	}
	stays := pool.Endpoints()["main http://b:1"]
	before := ts.of(stays)
	next := pool.Next(list("b:1", "c:1"), nil)
	ts.Keep(next)
	if n := len(ts.all); n != 1 || ts.of(stays) != before {
		t.Errorf("got %d transports, and that of b:1 the same %t; want only that", n, ts.of(stays) == before)
	}
	// Another endpoint with the same identity has connections of its own.
	ts.Keep(upstream.NewPool(list("b:1")))
	if n := len(ts.all); n != 0 {
		t.Errorf("got %d transports of endpoints that are gone, want 0", n)
	}
}
