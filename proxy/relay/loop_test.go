package relay

import (
	"bytes"
	"strings"
	"testing"

	"usher/proxy/session"
	"usher/proxy/ws"
)

// A leg that always has input is read greedyReads times in a turn, and the
// others are served beside it.
func TestFairness(t *testing.T) {
	h := newHarness(t)
	greedy, gl := h.newPeer(client)
	sink, sl := h.newPeer(upstream)
	const plenty = 8 << 20
	buffers(t, plenty, greedy.raw, sink.raw)
	for _, l := range []Leg{gl, sl} {
		buffers(t, plenty, l.Conn.(interface {
			SetReadBuffer(int) error
			SetWriteBuffer(int) error
		}))
	}
	h.post(&Options{}, gl, sl)
	c, u := h.adopt(&Options{})
	flood := greedy.frame(ws.Text, strings.Repeat("x", plenty))
	sent := greedy.offer(flood)
	if sent <= greedyReads*bufferSize {
		t.Skipf("the system holds %d bytes between two sockets, not more than a turn's %d", sent, greedyReads*bufferSize)
	}
	for turn := range 4 {
		c.send(ws.Text, "hello")
		h.turn()
		u.wantNow("served in each turn", c.frame(ws.Text, "hello"))
		n := sink.take(1 << 30)
		if n > greedyReads*bufferSize {
			t.Errorf("got %d bytes in turn %d, want at most %d", n, turn, greedyReads*bufferSize)
		}
		if n == 0 {
			t.Errorf("got nothing of the greedy one in turn %d", turn)
		}
		sent += greedy.offer(flood[sent:])
	}
	if !bytes.HasPrefix(flood, sink.got) {
		t.Error("got other bytes than were sent")
	}
}

// An event that was on its way to a socket that is gone does not reach the one
// that has its slot now.
func TestStaleEvents(t *testing.T) {
	var s slots
	a, b := &line{}, &line{}
	slot, generation := s.take(a)
	if got := s.get(slot, generation); got != a {
		t.Fatalf("got %p, want the line %p", got, a)
	}
	s.free(slot)
	if got := s.get(slot, generation); got != nil {
		t.Error("got a line for a slot that was freed")
	}
	if got := s.get(slot, generation+1); got != nil {
		t.Error("got a line for a slot that is free")
	}
	again, next := s.take(b)
	if again != slot || next == generation {
		t.Errorf("got slot %d generation %d, want slot %d again with another generation", again, next, slot)
	}
	if s.get(slot, generation) != nil || s.get(slot, next) != b {
		t.Error("got the wrong line for a slot that was used again")
	}
	if s.get(slot+1, 1) != nil || s.get(wakeupLike, 0) != nil {
		t.Error("got a line for a slot that never was")
	}
}

const wakeupLike = ^uint32(0)

// A pair that ends in a turn in which events of its legs are still to be
// served is not served again, and its slots go to the next one.
func TestSlotsAreUsedAgain(t *testing.T) {
	h := newHarness(t)
	for range 50 {
		c, u := h.adopt(&Options{})
		c.sendClose(1000, "")
		u.sendClose(1000, "")
		c.conn.Close()
		u.conn.Close()
		h.step()
		if len(h.ends) != 1 || h.released != 1 {
			t.Fatalf("got %d ends and %d releases, want one", len(h.ends), h.released)
		}
		h.ends, h.released = nil, 0
		if n := len(h.loop.poller.slots.entries); n > 2 {
			t.Fatalf("got %d slots for one pair at a time, want 2", n)
		}
	}
}

func TestMailbox(t *testing.T) {
	var m mailbox
	wakes, ran := 0, 0
	wake := func() {
		wakes++
		if m.mu.TryLock() {
			t.Error("got a wake-up that the end of the loop does not wait for")
			m.mu.Unlock()
		}
	}
	for range 100 {
		if !m.put(func(*loop) { ran++ }, wake) {
			t.Fatal("got a post refused")
		}
	}
	if wakes != 1 {
		t.Errorf("got %d wake-ups for 100 posts, want 1", wakes)
	}
	for _, p := range m.take(nil) {
		p(nil)
	}
	if ran != 100 {
		t.Errorf("got %d posts run, want 100", ran)
	}
	m.put(func(*loop) { ran++ }, wake)
	if wakes != 2 {
		t.Errorf("got %d wake-ups, want another one after take", wakes)
	}
	if left := m.close(); len(left) != 1 {
		t.Errorf("got %d posts left at the end, want 1", len(left))
	}
	if m.put(func(*loop) {}, wake) || wakes != 2 {
		t.Error("got a post taken, or a wake-up, after the end")
	}
}

// One wake-up brings all that was posted, in order.
func TestPostsAreCoalesced(t *testing.T) {
	h := newHarness(t)
	var got []int
	for i := range 1000 {
		h.loop.post(func(*loop) { got = append(got, i) })
	}
	h.turn()
	if len(got) != 1000 || got[0] != 0 || got[999] != 999 {
		t.Errorf("got %d posts run in one turn, want 1000 in order", len(got))
	}
	if h.loop.poller.wait(0, h.loop.noted) {
		t.Error("got a second wake-up")
	}
}

func TestEchoAllocatesNothing(t *testing.T) {
	if portable {
		t.Skip("the portable poller's closures allocate")
	}
	h := newHarness(t)
	c, u := h.adopt(&Options{MaxMessage: 1 << 20, MaxFragments: 100, IdleTimeout: 1 << 40, WriteTimeout: 1 << 40, MessageTimeout: 1 << 40, ClientRate: session.MaxRate{Messages: 1 << 40}})
	var cfd, ufd int
	c.withFD(func(fd int) { cfd = fd })
	u.withFD(func(fd int) { ufd = fd })
	there, back := c.frame(ws.Text, strings.Repeat("x", 128)), u.frame(ws.Text, strings.Repeat("x", 128))
	buf := make([]byte, 1024)
	once := func(from, to int, frame []byte) {
		rawWrite(from, frame)
		h.loop.turn(h.now, h.loop.poller.wait(0, h.loop.noted))
		if n := rawRead(to, buf); !bytes.Equal(buf[:max(n, 0)], frame) {
			t.Fatalf("got %d bytes, want the %d that were sent", n, len(frame))
		}
	}
	if n := testing.AllocsPerRun(100, func() { once(cfd, ufd, there); once(ufd, cfd, back) }); n != 0 {
		t.Errorf("got %v allocations for an echoed message, want none", n)
	}
}
