//go:build linux && !portable

package relay

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"usher/proxy/ws"
)

// descriptors counts those of the process.
func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// Long binary payloads move by splice(2), text and short ones do not: a pipe
// that is kept tells.
func TestSpliceWhatNeedsNoLook(t *testing.T) {
	for _, tc := range []struct {
		name  string
		op    ws.Opcode
		size  int
		pipes bool
	}{
		{"long binary", ws.Binary, 4 * spliceMin, true},
		{"long text", ws.Text, 4 * spliceMin, false},
		{"short binary", ws.Binary, spliceMin / 2, false},
	} {
		for side := range 2 {
			h := newHarness(t)
			c, u := h.adopt(&Options{})
			d := dirs(c, u)[side]
			h.carry(tc.name, d.from, d.to, d.from.frame(tc.op, strings.Repeat("0123456789abcdef", tc.size/16)))
			if got := len(h.loop.pipes.empty) > 0; got != tc.pipes {
				t.Errorf("got a pipe used %t for %s, want %t", got, tc.name, tc.pipes)
			}
			h.carry("what follows", d.from, d.to, mixed(d.from))
		}
	}
}

// A peer that stalls with data in the pipe: partial writes, then all of it,
// and the pipe is given back.
func TestSpliceStalled(t *testing.T) {
	h := newHarness(t)
	c, u := h.adopt(&Options{})
	message := u.frame(ws.Binary, strings.Repeat("0123456789abcdef", kernel/16))
	taken := h.stuff(u, message)
	if b := h.pair().legs[client].backlog; b == nil || b.pipe == nil || b.pipe.holds == 0 {
		t.Fatal("got no payload in a pipe")
	}
	done := make(chan struct{})
	go func() { defer close(done); u.write(message[taken:]) }()
	for until := time.Now().Add(20 * time.Second); len(c.got) < len(message) && time.Now().Before(until); {
		c.take(10_000)
		h.move()
	}
	<-done
	c.wantNow("all of it", message)
	h.step()
	if n := len(h.loop.pipes.empty); n != 1 {
		t.Errorf("got %d pipes kept, want the one that was used", n)
	}
}

// The input ends in the middle of a frame: what came passes, then a plain end.
func TestSpliceEndInTheMiddle(t *testing.T) {
	h := newHarness(t)
	c, u := h.adopt(&Options{})
	message := c.frame(ws.Binary, strings.Repeat("x", 8*spliceMin))
	half := message[:len(message)/2]
	h.carry("the first half", c, u, half)
	c.conn.Close()
	h.step()
	u.wantEOF("a plain end")
	h.wantEnd("client.lost", 1001)
}

func TestSpliceLeavesNoDescriptors(t *testing.T) {
	h := newHarness(t)
	before := descriptors(t)
	for range 2 * keptPipes {
		c, u := h.adopt(&Options{})
		h.stuff(u, u.frame(ws.Binary, strings.Repeat("x", kernel)))
		c.conn.Close() // with payload in a pipe
		u.conn.Close()
		h.step()
		if len(h.ends) != 1 {
			t.Fatalf("got %d ends, want 1", len(h.ends))
		}
		h.ends = nil
	}
	h.loop.pipes.close()
	h.loop.pipes.empty = nil
	if got := descriptors(t); got != before {
		t.Errorf("got %d descriptors, want the %d from before", got, before)
	}
}

// No more than keptPipes are kept.
func TestPipesKept(t *testing.T) {
	before := descriptors(t)
	var ps pipes
	var taken []*pipe
	for range keptPipes + 3 {
		p, err := ps.take()
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, p)
	}
	for _, p := range taken {
		ps.give(p)
	}
	if got, want := descriptors(t)-before, 2*keptPipes; got != want {
		t.Errorf("got %d descriptors of pipes kept, want %d", got, want)
	}
	ps.close()
	if got := descriptors(t); got != before {
		t.Errorf("got %d descriptors, want %d", got, before)
	}
}

// Without a descriptor for a pipe the payload takes the buffer.
func TestSpliceWithoutDescriptors(t *testing.T) {
	h := newHarness(t)
	c, u := h.adopt(&Options{})
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 3, Max: old.Max}); err != nil {
		t.Skip(err)
	}
	defer syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old)
	h.carry("through the buffer", c, u, c.frame(ws.Binary, strings.Repeat("x", 4*spliceMin)))
	if n := len(h.loop.pipes.empty); n != 0 {
		t.Errorf("got %d pipes, want none to be had", n)
	}
}

// TestStalledPipesAreFew has more stalled legs than a loop has pipes: the rest
// goes through the buffer, whole.
func TestStalledPipesAreFew(t *testing.T) {
	h := newHarness(t)
	message := strings.Repeat("x", 4<<20)
	var last *peer
	var sent int
	for range maxPipes + 8 {
		c, u := h.adopt(&Options{})
		sent = h.stuff(u, u.frame(ws.Binary, message))
		last = c
	}
	if n := h.loop.pipes.open; n != maxPipes {
		t.Errorf("got %d pipes, want %d", n, maxPipes)
	}
	for got := 0; got < sent; {
		n := last.take(1 << 30)
		if h.step(); n == 0 {
			t.Fatalf("got %d bytes of one without a pipe, want %d", got, sent)
		}
		got += n
	}
}
