package relay

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"usher/proxy/session"
	"usher/proxy/waittest"
)

// wantPausedLegs waits until the loops count so many.
func wantPausedLegs(t *testing.T, g *Group, want int) {
	t.Helper()
	waittest.Equal(t, "paused legs", want, func() int {
		got := 0
		for _, lp := range g.Inspect(t.Context()) {
			got += lp.Paused
		}
		return got
	})
}

func TestInspectCountsPausedLegs(t *testing.T) {
	r := newCrowd(t, 4, "client.lost")
	wantPausedLegs(t, r.group, 0)
	const size = 16 << 20 // more than the kernel takes
	for i := range 2 {
		go r.u[i].Write(append([]byte{0x82, 127, 0, 0, 0, 0, 1, 0, 0, 0}, make([]byte, size)...))
	}
	wantPausedLegs(t, r.group, 2)
	if n, err := io.CopyN(io.Discard, r.c[0], size+10); err != nil {
		t.Fatalf("got %d bytes, %v", n, err)
	}
	wantPausedLegs(t, r.group, 1)
	r.c[1].Close()
	wantPausedLegs(t, r.group, 0)
	r.each(func(_ int, c, u net.Conn) error { c.Close(); u.Close(); return nil })
}

func TestInspectOfStoppedLoops(t *testing.T) {
	g, err := NewGroup()
	if err != nil {
		t.Fatal(err)
	}
	for _, lp := range g.Inspect(t.Context()) {
		if lp.Lag <= 0 || lp.Lag > 10*time.Second {
			t.Errorf("lag: got %v, want some", lp.Lag)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := g.Shutdown(ctx, goingAway); err != nil {
		t.Fatal(err)
	}
	g.Close()
	if n := len(g.Inspect(ctx)); n != len(g.loops) {
		t.Errorf("got %d loops, want %d", n, len(g.loops))
	}
}

// TestDescribeIsBounded has a loop that does nothing else for a while: whoever
// asks does not wait for it.
func TestDescribeIsBounded(t *testing.T) {
	g, err := NewGroup()
	if err != nil {
		t.Fatal(err)
	}
	free, asked := make(chan struct{}), 0
	g.loops[0].post(func(*loop) { <-free })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if got := g.Describe(ctx, func(*session.Session) bool { asked++; return true }); len(got) != 0 || ctx.Err() == nil {
		t.Errorf("got %v before the end of the wait, want nothing", got)
	}
	close(free)
	ctx, cancel = context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := g.Shutdown(ctx, goingAway); err != nil {
		t.Fatal(err)
	}
	g.Close()
	if got := g.Describe(ctx, func(*session.Session) bool { return true }); len(got) != 0 || asked != 0 {
		t.Errorf("of loops that have ended: got %v, want nothing", got)
	}
}
