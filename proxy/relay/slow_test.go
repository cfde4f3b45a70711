package relay

import (
	"bytes"
	"runtime"
	"strings"
	"testing"
	"time"

	"usher/proxy/ws"
)

// kernel is more than two socket pairs and a pipe hold.
const kernel = 4 << 20

func TestRow20SlowReaderPausesItsPeer(t *testing.T) {
	const size = 64 << 20
	for _, op := range []ws.Opcode{ws.Text, ws.Binary} {
		t.Run(op.String(), func(t *testing.T) {
			h := newHarness(t)
			c, u := h.adopt(&Options{})
			message := u.frame(op, strings.Repeat("0123456789abcde\n", size/16))
			taken := h.stuff(u, message)
			if taken > kernel {
				t.Fatalf("got %d bytes taken for a client that reads nothing, want at most %d", taken, kernel)
			}
			leg := &h.pair().legs[client]
			if n := leg.waitingBytes(); n > bufferSize+ws.MaxControlFrame {
				t.Errorf("got an output of %d bytes, want at most %d", n, bufferSize)
			}
			c.send(ws.Text, "still heard")
			h.step()
			u.wantFrame("the other way is open", ws.Text, "still heard")

			done := make(chan struct{})
			go func() { defer close(done); u.write(message[taken:]) }()
			at := 0
			for until := time.Now().Add(30 * time.Second); at < len(message) && time.Now().Before(until); {
				h.move()
				c.take(1 << 30)
				if !bytes.HasPrefix(message[at:], c.got) {
					t.Fatalf("got bytes other than those sent behind byte %d", at)
				}
				at += len(c.got)
				c.got = c.got[:0]
			}
			<-done
			if at != len(message) {
				t.Errorf("got %d bytes, want %d", at, len(message))
			}
			h.wantOpen()
		})
	}
}

func TestRow20WriteTimeout(t *testing.T) {
	for _, op := range []ws.Opcode{ws.Text, ws.Binary} {
		t.Run(op.String(), func(t *testing.T) {
			h := newHarness(t)
			c, u := h.adopt(&Options{WriteTimeout: 10 * time.Second})
			message := u.frame(op, strings.Repeat("x", kernel))
			h.stuff(u, message)
			h.advance(9 * time.Second)
			if c.take(1<<20) == 0 {
				t.Fatal("got nothing at the client, want what waited for it")
			}
			h.step()
			h.advance(9 * time.Second)
			h.wantOpen() // it took something in between
			h.advance(time.Second)
			u.wantClose("the upstream is told", 1001, "client: took nothing for 10s")
			h.advance(closeTimeout)
			c.take(1 << 30)
			if c.end == nil {
				t.Error("got the client's connection open, want it closed")
			}
			h.wantEnd("client.stalled", 1001)
		})
	}
}

// The upstream of a client that is gone is read again: its answer stands
// behind all that the client did not take.
func TestStalledClientGoneUpstreamIsRead(t *testing.T) {
	for _, gone := range []string{"abandoned", "lost"} {
		t.Run(gone, func(t *testing.T) {
			h := newHarness(t)
			c, u := h.adopt(&Options{WriteTimeout: 10 * time.Second})
			message := u.frame(ws.Text, strings.Repeat("x", kernel))
			taken := h.stuff(u, message)
			if gone == "lost" {
				c.conn.Close()
				h.step()
			} else {
				h.advance(10 * time.Second)
			}
			if rest := message[taken:]; h.stuff(u, rest) != len(rest) {
				t.Fatal("got the upstream stuck, want what it still sends dropped")
			}
			u.sendClose(1001, "")
			h.step()
			h.wantEnd(map[string]string{"abandoned": "client.stalled", "lost": "client.lost"}[gone], 1001)
		})
	}
}

func TestUpstreamStalled(t *testing.T) {
	h := newHarness(t)
	c, u := h.adopt(&Options{WriteTimeout: 10 * time.Second})
	h.stuff(c, c.frame(ws.Text, strings.Repeat("x", kernel)))
	h.advance(10 * time.Second)
	c.wantClose("the client is told", 1011, "upstream: took nothing for 10s")
	u.take(1 << 30)
	if u.end == nil {
		t.Error("got the upstream's connection open, want it closed")
	}
	h.advance(closeTimeout)
	h.wantEnd("upstream.stalled", 1011)
}

// A thousand clients that read nothing hold no more than their share, and
// others do not notice.
func TestRow14And20ThousandStalledPeers(t *testing.T) {
	stalled := 1000
	if portable {
		stalled = 200 // five goroutines each; the race detector has 8,128
	}
	h := newHarness(t)
	before := heapSize()
	type session struct{ c, u *peer }
	var sessions []session
	for range stalled {
		c, cl := h.newPeer(client)
		u, ul := h.newPeer(upstream)
		h.post(&Options{}, cl, ul)
		sessions = append(sessions, session{c, u})
	}
	h.step()
	message := sessions[0].u.frame(ws.Text, strings.Repeat("x", 1<<20))
	sent := make([]int, stalled)
	for range 4 { // the more rounds the more would be held
		for i, s := range sessions {
			sent[i] += s.u.offer(message[sent[i]:])
		}
		h.step()
	}
	for i, n := range sent {
		if n == len(message) {
			t.Fatalf("got all taken from upstream %d, want it paused", i)
		}
	}
	const each = bufferSize + 16<<10
	if got := heapSize() - before; got > int64(stalled*each) {
		t.Errorf("got %d bytes of heap for each stalled session, want at most %d", got/int64(stalled), each)
	}
	c, u := h.adopt(&Options{})
	c.send(ws.Text, "ping")
	h.turn()
	u.wantNow("one turn is enough", c.frame(ws.Text, "ping"))
	u.send(ws.Text, "pong")
	h.turn()
	c.wantNow("one turn is enough", u.frame(ws.Text, "pong"))
}

// TestLatencyBesideStalledPeers has one pair's messages pass in a turn each
// while a hundred upstreams push at clients that read now and then.
func TestLatencyBesideStalledPeers(t *testing.T) {
	h := newHarness(t)
	type session struct{ c, u *peer }
	var busy []session
	for range 100 {
		c, cl := h.newPeer(client)
		u, ul := h.newPeer(upstream)
		h.post(&Options{}, cl, ul)
		busy = append(busy, session{c, u})
	}
	c, u := h.adopt(&Options{})
	push := busy[0].u.frame(ws.Text, strings.Repeat("x", 32<<10))
	for round := range 20 {
		for i, s := range busy {
			s.u.offer(push)
			if i%10 == round%10 {
				s.c.take(64 << 10)
			}
		}
		c.send(ws.Text, "ping")
		h.turn()
		u.wantNow("in the same turn", c.frame(ws.Text, "ping"))
	}
}

// post is adoptLegs without turning the loop.
func (h *harness) post(o *Options, c, u Leg) {
	h.t.Helper()
	h.postSession(h.open(), o, c, u)
}

func heapSize() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
