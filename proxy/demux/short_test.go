package demux

import (
	"testing"
	"time"
)

// answerAndGo has the leg to admin open, answer the CONNECT, and go.
func (f *fake) answerAndGo(after time.Duration) {
	f.t.Helper()
	f.input("admin.opens a1")
	f.input(`admin 0/admin,{"sid":"s"}`)
	for end := f.now + after; f.now < end; {
		f.advance(min(end-f.now, 20*time.Second))
		f.input("client! 3") // as the heartbeats want
		f.input("admin! 2")
		f.input("main! 2")
	}
	f.log = nil
	f.input("admin.goes")
}

// pause returns how long the session takes to dial admin again, up to a minute.
func (f *fake) pause() time.Duration {
	f.t.Helper()
	began := f.now
	for len(f.log) == 0 && f.now < began+time.Minute {
		f.advance(time.Millisecond)
		if len(f.log) == 1 && f.log[0] == "client! 2" {
			f.input("client! 3")
			f.input("main! 2")
			f.log = nil
		}
	}
	if len(f.log) != 1 || f.log[0] != "admin.dial avoid=a1" {
		f.t.Fatalf("got %q, want a dial of admin", f.log)
	}
	f.log = nil
	return f.now - began
}

// TestF03ShortLegs has an upstream that answers each CONNECT and goes at once:
// it is dialled at once, and then after pauses that grow, until a leg lasts.
func TestF03ShortLegs(t *testing.T) {
	f := play4(t, shop().onLoss(Reconnect), joined)
	f.input("admin.goes")
	f.log = f.log[:0:0]
	want := firstPause
	for i := range 20 {
		f.answerAndGo(0)
		if got := f.pause(); got > want+time.Millisecond || got < want*3/4 {
			t.Errorf("after %d short legs: got a pause of %v, want %v or up to a quarter less", i+1, got, want)
		}
		want = min(2*want, maxShortPause)
	}
	if got := f.stats.Redials.Load(); got != 21 {
		t.Errorf("got %d redials, want 21", got)
	}
	f.answerAndGo(steadyLeg)
	if got := f.pause(); got != 0 {
		t.Errorf("after a leg that lasted: got a pause of %v, want none", got)
	}
	f.answerAndGo(0)
	if got := f.pause(); got > firstPause+time.Millisecond {
		t.Errorf("after the first short leg again: got a pause of %v, want %v at most", got, firstPause)
	}
}

// TestF03ShortLegsOfManyEndpoints has another endpoint tried for each before the
// first pause.
func TestF03ShortLegsOfManyEndpoints(t *testing.T) {
	c := shop().onLoss(Reconnect)
	c.Services[1].Endpoints = 3
	f := play4(t, c, joined)
	f.input("admin.goes")
	for i := range 5 {
		f.log = nil
		f.answerAndGo(0)
		if got := f.pause(); (got == 0) != (i < 2) {
			t.Errorf("after %d short legs: got a pause of %v", i+1, got)
		}
	}
}

// TestF03ShortLegsUnnoticed has a client that speaks while its leg waits to be
// dialled again: all of it is delivered.
func TestF03ShortLegsUnnoticed(t *testing.T) {
	play4(t, shop().onLoss(Reconnect), joined+`
admin.goes
	admin.dial avoid=a1
admin.opens a1
	admin 40/admin,
admin 40/admin,{"sid":"s4"}
	client 40/admin,{"sid":"s4"}
admin.goes
client 42/admin,["one"]
client 42["on"]
	main 42["on"]
pass 60ms
	admin.dial avoid=a1
client 42/admin,["two"]
admin.opens a1
	admin 40/admin,
admin 40/admin,{"sid":"s5"}
	client 40/admin,{"sid":"s5"}
	admin 42/admin,["one"]
	admin 42/admin,["two"]
admin.goes
pass 60ms
client 41/admin,
pass 1s
client 40/admin,
	admin.dial
`)
}
