package demux

import (
	"fmt"
	"regexp"
	"testing"
	"time"
)

func TestLimitOfNamespaces(t *testing.T) {
	c := shop()
	c.MaxNamespaces = 3
	c.ConnectBurst = 100
	f := play4(t, c, joined+`
client 40/room-1,
	rooms.dial
client 40/room-2,
	client 44/room-2,{"message":"too many namespaces"}
client 41/admin,
	admin 41/admin,
	admin.close
client 40/room-2,
client 40/room-3,
	client 44/room-3,{"message":"too many namespaces"}
`)
	if n := len(f.s.spaces); n != 3 {
		t.Errorf("got %d namespaces kept, want 3", n)
	}
}

func TestLimitOfLegs(t *testing.T) {
	c := shop()
	c.MaxLegs = 2
	play4(t, c, joined+`
client 40/staff,
	admin 40/staff,
client 40/seller,
	client 44/seller,{"message":"too many upstreams"}
`)
}

func TestLimitOfConnects(t *testing.T) {
	c := shop()
	c.ConnectBurst, c.ConnectRate = 3, 10
	f := play4(t, c, joined+`
client 40/nope,
	client 44/nope,{"message":"Invalid namespace"}
client 40/seller,
	client 44/seller,{"message":"too many connects"}
pass 100ms
client 40/seller,
	seller.dial
client 40/seller,
	client 44/seller,{"message":"too many connects"}
`)
	if got := f.stats.Refused.Load(); got != 3 {
		t.Errorf("got %d refused, want 3", got)
	}
}

func TestTombstoneEnds(t *testing.T) {
	f := play4(t, shop(), joined+`
client 41/admin,
	admin 41/admin,
	admin.close
client 42/admin,["x"]
pass 20s
client! 3
main! 2
	main! 3
pass 11s
client 42/admin,["y"]
`)
	f.wantDropped(DropTombstone, 1)
	f.wantDropped(DropUnknown, 1)
}

func TestRules(t *testing.T) {
	c := NewConfig(Config{
		Services: make([]Service, 6),
		Rules: []Rule{
			{Expr: regexp.MustCompile(`^/tenant/x`), Service: 0},
			{Expr: regexp.MustCompile(`^/room`), Service: 1},
			{Expr: regexp.MustCompile(`^/room-1$`), Service: 0},
			{Pattern: "/tenant/*", Service: 2},
			{Pattern: "/tenant/a/*", Service: 3},
			{Pattern: "/tenant/a/b", Service: 4},
			{Pattern: "/", Service: 5},
		},
	})
	for _, tt := range []struct {
		name    string
		service int
	}{
		{"/", 5}, {"/tenant/x", 2}, {"/tenant/a", 2}, {"/tenant/a/", 2}, {"/tenant/a/x", 3}, {"/tenant/a/b", 4},
		{"/tenant", -1}, {"/tenant/", -1}, {"/room-1", 1}, {"/Room-1", -1}, {"/x", -1},
	} {
		for range 2 { // the second time from memory
			got, ok := c.Route([]byte(tt.name))
			if !ok {
				got = -1
			}
			if got != tt.service {
				t.Errorf("%s: got service %d, want %d", tt.name, got, tt.service)
			}
		}
	}
}

func TestRulesRememberBoundedly(t *testing.T) {
	c := NewConfig(shop())
	for i := range 3 * maxKnown {
		if _, ok := c.Route(fmt.Appendf(nil, "/tenant/%d", i)); !ok {
			t.Fatal("got no service for a tenant")
		}
		c.Route(fmt.Appendf(nil, "/nobody/%d", i))
	}
	if n := len(c.rules.known); n > maxKnown {
		t.Errorf("got %d names remembered, want at most %d", n, maxKnown)
	}
}

func TestPausesGrow(t *testing.T) {
	f := play4(t, shop(), "\tready\nclient 40\n\tmain.dial")
	for i, ms := range []int{50, 100, 200, 400, 800, 1000, 1000} {
		want := time.Duration(ms) * time.Millisecond
		f.input("main.fails")
		pause := f.s.legs[0].due - f.now
		if pause > want || pause < want*3/4 {
			t.Errorf("failure %d: got a pause of %v, want up to %v", i+1, pause, want)
		}
		f.advance(pause)
		f.input("client! 3")
	}
}

func TestLongHoldIsCounted(t *testing.T) {
	f := play4(t, shop(), joined+"client 40/seller,\n\tseller.dial\n")
	f.advance(21 * time.Second)
	if got := f.stats.Long.Load(); got != 1 {
		t.Errorf("got %d long holds, want 1", got)
	}
}

// TestWords sees that each reason has one of its own.
func TestWords(t *testing.T) {
	seen := map[string]bool{"unknown": true}
	for r := ClientClosed; r <= Stuck; r++ {
		if w := r.String(); seen[w] {
			t.Errorf("reason %d: got %q, want a word of its own", r, w)
		} else {
			seen[w] = true
		}
	}
	for d := range NumDrops {
		if w := Drop(d).String(); seen[w] {
			t.Errorf("drop %d: got %q, want a word of its own", d, w)
		} else {
			seen[w] = true
		}
	}
}
