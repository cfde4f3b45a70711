package relay

import (
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/proxy/ws"
)

func TestIdleIsPutOffByTraffic(t *testing.T) {
	h := newHarness(t)
	c, u := h.adopt(&Options{IdleTimeout: time.Minute})
	for _, send := range []func(){
		func() { c.send(ws.Text, "hello") },
		func() { u.send(ws.Ping, "ping") },
		func() { c.write(c.header(ws.Binary, 10)) },
	} {
		h.advance(time.Minute - 1)
		send()
		h.step()
	}
	h.advance(time.Minute - 1)
	h.wantOpen()
	h.advance(1)
	if !h.pair().closing() {
		t.Error("got the pair going on, want it ended for idleness")
	}
}

// A peer that takes what waits for it, however slowly, is not idle.
func TestSlowIsNotIdle(t *testing.T) {
	h := newHarness(t)
	c, cl := h.newPeer(client)
	u, ul := h.newPeer(upstream)
	buffers(t, 8<<10, cl.Conn.(*net.UnixConn))
	h.adoptLegs(&Options{IdleTimeout: time.Minute}, cl, ul)
	message := u.frame(ws.Text, strings.Repeat("x", kernel))
	h.stuff(u, message)
	for range 3 {
		h.advance(50 * time.Second)
		// Taken so that the leg may be written to, but its output is not gone.
		for leg := &h.pair().legs[client]; leg.moved != h.now; h.step() {
			if c.take(4<<10) == 0 {
				t.Fatal("got nothing to read at the client")
			}
			if !leg.backlogged() {
				t.Fatal("got all taken, want a client behind")
			}
		}
		c.got = nil
	}
	h.wantGoing("a slow reader is left alone")
}

func TestRow14MessageTimeout(t *testing.T) {
	for _, op := range []ws.Opcode{ws.Text, ws.Binary} {
		h := newHarness(t)
		c, u := h.adopt(&Options{MessageTimeout: 30 * time.Second})
		c.write(c.frame(op, "in time"))
		h.step()
		u.wantFrame("passes", op, "in time")
		h.advance(time.Hour)
		h.wantOpen() // no message is open
		c.write(c.fragment(op, false, ""))
		h.step()
		for range 29 { // a byte each second
			h.advance(time.Second)
			c.write(c.fragment(ws.Continuation, false, "x"))
			h.step()
			h.wantOpen()
		}
		u.fill()
		u.got = nil
		h.advance(time.Second)
		c.wantClose("too slow", 1008, "message was not complete after 30s")
		u.wantClose("told", 1008, "client: message was not complete after 30s")
		u.sendClose(1008, "")
		c.conn.Close()
		h.step()
		h.wantEnd("client.stalled", 1008)
	}
}

func TestRow14NeverFinishedFrame(t *testing.T) {
	h := newHarness(t)
	c, u := h.adopt(&Options{MessageTimeout: 30 * time.Second})
	header := c.header(ws.Binary, 100)
	c.write(header)
	h.step()
	h.advance(30 * time.Second)
	u.wantNow("passed before", header)
	u.wantEOF("in a frame: a plain end")
	c.wantClose("too slow", 1008, "message was not complete after 30s")
	c.conn.Close()
	h.step()
	h.wantEnd("client.stalled", 1008)
}

// The half of a header is held back and belongs to no message yet, nor does
// that of a ping.
func TestRow14NeverFinishedHeader(t *testing.T) {
	for name, half := range map[string][]byte{"header": {0x82, 0xfe}, "ping": {0x89, 0x84, 1, 2, 3, 4, 5}} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			c, u := h.adopt(&Options{MessageTimeout: 30 * time.Second})
			c.send(ws.Text, "whole")
			h.step()
			u.wantFrame("passes", ws.Text, "whole")
			c.write(half)
			h.step()
			h.advance(29 * time.Second)
			h.wantGoing("29s of its header")
			h.advance(time.Second)
			c.wantClose("too slow", 1008, "message was not complete after 30s")
			u.wantClose("told", 1008, "client: message was not complete after 30s")
			u.sendClose(1008, "")
			c.conn.Close()
			h.step()
			h.wantEnd("client.stalled", 1008)
		})
	}
}

// A client whose every read ends in a ping's middle has always finished the one
// before.
func TestMessageTimeoutPerControl(t *testing.T) {
	h := newHarness(t)
	c, _ := h.adopt(&Options{MessageTimeout: 10 * time.Second})
	ping := c.frame(ws.Ping, "abcd")
	c.write(ping[:7])
	for range 5 {
		h.step()
		h.advance(9 * time.Second)
		h.wantGoing("9s of a ping")
		c.write(slices.Concat(ping[7:], ping[:7]))
	}
	h.step()
	h.advance(10 * time.Second)
	c.fill()
	if !h.pair().closing() {
		t.Error("got the pair going on after 10s of a ping")
	}
}

// The next message has a time of its own, even if it begins in the same read.
func TestMessageTimeoutPerMessage(t *testing.T) {
	h := newHarness(t)
	c, _ := h.adopt(&Options{MessageTimeout: 30 * time.Second})
	c.write(c.fragment(ws.Text, false, "a"))
	h.step()
	h.advance(20 * time.Second)
	c.write(append(c.fragment(ws.Continuation, true, "b"), c.fragment(ws.Text, false, "c")...))
	h.step()
	h.advance(29 * time.Second)
	h.wantGoing("29s of its second message")
	h.advance(time.Second)
	if !h.pair().closing() {
		t.Error("got the pair going on after 30s of its second message")
	}
}

// A thousand peers that never finish a message cost next to nothing and end
// in time.
func TestRow14ThousandNeverFinished(t *testing.T) {
	n := 1000
	if portable {
		n = 200
	}
	h := newHarness(t)
	o := &Options{MessageTimeout: 30 * time.Second}
	before := heapSize()
	var clients []*peer
	for range n {
		c, cl := h.newPeer(client)
		_, ul := h.newPeer(upstream)
		h.post(o, cl, ul)
		clients = append(clients, c)
	}
	frame := (&peer{side: client}).frame(ws.Binary, "x")
	for i := range frame[:len(frame)-1] { // all but the last byte
		for _, c := range clients {
			c.offer(frame[i : i+1])
		}
		h.step()
	}
	if got := (heapSize() - before) / int64(n); got > 8<<10 {
		t.Errorf("got %d bytes of heap for each of them, want at most 8 KiB", got)
	}
	h.advance(30 * time.Second)
	h.advance(closeTimeout)
	if len(h.ends) != n || h.released != n {
		t.Errorf("got %d ends and %d releases, want %d", len(h.ends), h.released, n)
	}
}

// Traffic costs the timers nothing: a deadline that moved back is noticed when
// the old one is reached.
func TestTimersAreLazy(t *testing.T) {
	h := newHarness(t)
	o := &Options{IdleTimeout: time.Minute, ClientPing: 2 * time.Minute, UpstreamPing: 2 * time.Minute, PingTimeout: time.Second, MessageTimeout: 2 * time.Minute}
	c, u := h.adopt(o)
	for range 3 {
		h.adopt(o)
	}
	if n := len(h.loop.timers); n != 4 {
		t.Errorf("got %d entries in the heap, want one for each pair", n)
	}
	due, _ := h.loop.timers.next()
	h.advance(30 * time.Second)
	c.send(ws.Text, "hello")
	h.step()
	u.wantFrame("passes", ws.Text, "hello")
	if now, _ := h.loop.timers.next(); now != due {
		t.Errorf("got a timer at %v, want it where it was, at %v", now, due)
	}
	h.advance(30 * time.Second)
	if len(h.loop.timers) != 4 {
		t.Errorf("got %d entries in the heap, want 4", len(h.loop.timers))
	}
}

func TestTimersOrder(t *testing.T) {
	var ts timers
	pairs := make([]*pair, 100)
	for i := range pairs {
		pairs[i] = &pair{timer: timer{index: -1}}
		ts.schedule(pairs[i], time.Duration(i*37%100)+1)
	}
	for i := 0; i < 100; i += 3 {
		ts.drop(pairs[i])
		ts.drop(pairs[i]) // no harm
	}
	for i := 1; i < 100; i += 3 {
		ts.schedule(pairs[i], pairs[i].due+50) // later: stays
		ts.schedule(pairs[i], pairs[i].due/2)
	}
	last, n := time.Duration(0), 0
	for p := ts.expired(never); p != nil; p = ts.expired(never) {
		if p.clock().due < last || p.clock().index != -1 {
			t.Fatalf("got a pair due at %v behind one at %v", p.clock().due, last)
		}
		last = p.clock().due
		n++
	}
	if n != 66 {
		t.Errorf("got %d pairs, want 66", n)
	}
	if _, ok := ts.next(); ok || ts.expired(never) != nil {
		t.Error("got a timer from an empty heap")
	}
}
