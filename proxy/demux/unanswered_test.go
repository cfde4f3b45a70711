package demux

import (
	"strings"
	"testing"
)

// lose lets the open leg to a service go, and those that follow it as soon as
// they are open, n in all. It returns what the session did after the last one.
func (f *fake) lose(service string, n int) string {
	f.t.Helper()
	for i := range n {
		if i > 0 {
			f.advance(maxPause)
			f.input("client! 3") // as its heartbeat wants
			f.input(service + ".opens")
		}
		f.log = nil
		f.input(service + ".goes")
	}
	got := strings.Join(f.log, "\n")
	f.log = nil
	return got
}

func TestUnansweredConnectIsGivenUp(t *testing.T) {
	const unavailable = `client 4/seller,{"message":"upstream unavailable","data":{"code":"UPSTREAM_UNAVAILABLE","retry":true}}`
	for _, p := range []Policy{Transport, Reconnect, Disconnect} {
		f := play4(t, shop().onLoss(p), joined)
		f.input("client 0/seller,{}")
		f.input("seller.opens")
		if got := f.lose("seller", maxUnanswered-1); got != "" {
			t.Errorf("policy %d: after %d losses got %q, want nothing", p, maxUnanswered-1, got)
		}
		f.advance(maxPause)
		f.input("seller.opens")
		if got := f.lose("seller", 1); got != unavailable {
			t.Errorf("policy %d: got %q, want %q", p, got, unavailable)
		}
		f.advance(2 * maxPause)
		f.play(wire("client 42[\"on\"]\n\tmain 42[\"on\"]\nclient 40/seller,{}\n\tseller.dial"))
		f.input("close")
		if got := f.stats.GivenUp.Load(); got != 1 {
			t.Errorf("policy %d: got %d given up, want 1", p, got)
		}
	}
}

// TestUnansweredBesideAnswered has a namespace that is answered on each leg
// beside the one that costs it.
func TestUnansweredBesideAnswered(t *testing.T) {
	f := play4(t, shop().onLoss(Reconnect), joined)
	f.input("client 0/staff,{}")
	for range maxUnanswered - 1 {
		f.input("admin.goes")
		f.advance(maxShortPause)
		f.input("client! 3")
		f.input("main! 2")
		f.input("admin.opens")
		f.input(`admin 0/admin,{"sid":"s"}`)
	}
	f.log = nil
	f.play(wire(`
admin.goes
	client 44/staff,{"message":"upstream unavailable","data":{"code":"UPSTREAM_UNAVAILABLE","retry":true}}
pass 5s
	admin.dial
admin.opens
	admin 40/admin,
admin 40/admin,{"sid":"s"}
	client 40/admin,{"sid":"s"}
close
`))
}

func TestUnansweredRejoin(t *testing.T) {
	f := play4(t, shop().onLoss(Reconnect), joined)
	f.input("admin.goes") // it was answered until here
	f.input("admin.opens")
	if f.lose("admin", maxUnanswered-1); f.over {
		t.Fatalf("over after %d losses", maxUnanswered-1)
	}
	f.advance(maxPause)
	f.input("admin.opens")
	if got, want := f.lose("admin", 1), "end stuck"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := f.stats.GivenUp.Load(); got != 1 {
		t.Errorf("got %d given up, want 1", got)
	}
}

func TestAnswerEndsTheCountOfLosses(t *testing.T) {
	f := play4(t, shop().onLoss(Reconnect), joined)
	for range 2 {
		f.input("admin.goes")
		f.advance(maxPause)
		f.input("admin.opens")
		f.lose("admin", maxUnanswered-1)
		f.advance(maxPause)
		f.input("client! 3")
		f.input("admin.opens")
		f.input(`admin 0/admin,{"sid":"s"}`)
	}
	f.log = nil
	f.play(wire("client 42/admin,[\"on\"]\n\tadmin 42/admin,[\"on\"]"))
}
