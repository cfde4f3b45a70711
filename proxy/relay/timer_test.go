package relay

import (
	"encoding/binary"
	"net"
	"strings"
	"testing"
	"time"

	"usher/proxy/session"
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

func TestRow19MessageRate(t *testing.T) {
	for _, tc := range []struct {
		name  string
		frame func(c *peer) []byte
	}{
		{"messages", func(c *peer) []byte { return c.frame(ws.Text, "x") }},
		{"empty messages", func(c *peer) []byte { return c.frame(ws.Binary, "") }},
		{"pings", func(c *peer) []byte { return c.frame(ws.Ping, "x") }},
		{"pongs", func(c *peer) []byte { return c.frame(ws.Pong, "") }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHarness(t)
			c, u := h.adopt(&Options{ClientRate: session.MaxRate{Messages: 10}})
			frame := tc.frame(c)
			send := func(n int) {
				for range n {
					c.write(frame)
				}
				h.step()
			}
			send(10)
			h.advance(500 * time.Millisecond)
			send(5)
			h.wantGoing("within its rate")
			u.fill()
			u.got = nil
			send(1)
			u.wantNow("the one that was too much has passed", append(append([]byte(nil), frame...),
				u.closeFrom(h, 1008, "client: more than max_rate was sent")...))
			c.wantClose("refused", 1008, "more than max_rate was sent")
			send(100)
			u.conn.Close()
			c.conn.Close()
			h.step()
			h.wantEnd("client.rate", 1008)
		})
	}
}

// closeFrom returns the Close frame that u gets from usher, with whatever key.
func (p *peer) closeFrom(h *harness, code ws.Code, reason string) []byte {
	p.take(1 << 30)
	payload := ws.AppendClose(nil, code, reason)
	size := 2 + 4 + len(payload)
	if len(p.got) < size {
		h.t.Fatalf("got %d bytes, want a Close frame at least", len(p.got))
	}
	got := p.got[len(p.got)-size:]
	key := [4]byte(got[2:])
	return ws.AppendFrame(nil, ws.Close, payload, &key)
}

func TestRow19ByteRate(t *testing.T) {
	h := newHarness(t)
	c, u := h.adopt(&Options{ClientRate: session.MaxRate{Bytes: 1000}})
	c.write(c.frame(ws.Binary, strings.Repeat("x", 900)))
	h.step()
	h.advance(time.Second)
	c.write(c.frame(ws.Binary, strings.Repeat("x", 900)))
	h.step()
	h.advance(500 * time.Millisecond)
	h.wantGoing("within its rate")
	u.fill()
	u.got = nil
	c.write(c.header(ws.Binary, 5000))
	c.write([]byte(strings.Repeat("x", 1000)))
	h.step()
	u.take(8 + 1000)
	u.got = nil
	u.wantEOF("in a frame: a plain end")
	c.wantClose("refused", 1008, "more than max_rate was sent")
	c.conn.Close()
	h.step()
	h.wantEnd("client.rate", 1008)
}

// The upstream has no rate.
func TestRateIsTheClients(t *testing.T) {
	h := newHarness(t)
	c, u := h.adopt(&Options{ClientRate: session.MaxRate{Messages: 1, Bytes: 1}})
	for range 100 {
		u.send(ws.Text, "hello")
	}
	h.step()
	c.fill()
	if want := 100 * len(u.frame(ws.Text, "hello")); len(c.got) != want {
		t.Errorf("got %d bytes at the client, want %d", len(c.got), want)
	}
}

// What a client sends behind its Close frame is no matter of its rate.
func TestRateBehindClose(t *testing.T) {
	h := newHarness(t)
	c, u := h.adopt(&Options{ClientRate: session.MaxRate{Bytes: 100}})
	c.sendClose(1000, "")
	h.step()
	c.write([]byte(strings.Repeat("x", 1000)))
	h.step()
	u.wantClose("passes", 1000, "")
	u.sendClose(1000, "")
	h.step()
	h.wantEnd("client.closed", 1000)
}

func pingOptions() *Options {
	return &Options{ClientPing: 20 * time.Second, UpstreamPing: 30 * time.Second, PingTimeout: 5 * time.Second}
}

// wantPing takes a ping of usher's own and returns its payload.
func (p *peer) wantPing(why string) string {
	p.t.Helper()
	h, payload := p.next(why)
	if h.Opcode != ws.Ping || len(payload) != 8 || binary.BigEndian.Uint64(payload) == 0 {
		p.t.Fatalf("%s: %s got %s %q, want a ping of usher's own", why, p.side.of(), h.Opcode, payload)
	}
	return string(payload)
}

func TestPingsOfUsher(t *testing.T) {
	h := newHarness(t)
	c, u := h.adopt(pingOptions())
	h.advance(20 * time.Second)
	id := c.wantPing("quiet for 20s")
	u.wantIdle("its time has not come")
	c.send(ws.Pong, id)
	h.step()
	u.wantIdle("usher's own pong is swallowed")
	c.send(ws.Pong, "foreign!")
	h.step()
	u.wantFrame("a foreign pong passes", ws.Pong, "foreign!")
	h.advance(10 * time.Second)
	if got := u.wantPing("quiet for 30s"); got != id {
		t.Errorf("got ping %x for the upstream, want the session's %x", got, id)
	}
	c.wantIdle("it is not quiet")
	u.write(append(u.frame(ws.Text, "with the pong "), append(u.frame(ws.Pong, id), u.frame(ws.Text, "behind it")...)...))
	h.step()
	c.wantFrame("passes", ws.Text, "with the pong ")
	c.wantFrame("passes", ws.Text, "behind it")
	c.wantIdle("usher's own pong is swallowed")
	h.wantOpen()
}

// Any byte is an answer, a pong or not.
func TestAnyByteAnswersAPing(t *testing.T) {
	h := newHarness(t)
	c, u := h.adopt(pingOptions())
	h.advance(20 * time.Second)
	c.wantPing("quiet")
	h.advance(4 * time.Second)
	c.write(c.frame(ws.Text, "x")[:1])
	h.step()
	h.advance(5 * time.Second)
	u.wantIdle("half a header")
	h.wantGoing("it is alive")
}

func TestSilentPeers(t *testing.T) {
	for _, tc := range []struct {
		o     *Options
		quiet time.Duration
		side  side
		cause string
		code  ws.Code
	}{
		{&Options{ClientPing: 20 * time.Second, PingTimeout: 5 * time.Second}, 20 * time.Second, client, "client.silent", 1001},
		{&Options{UpstreamPing: 30 * time.Second, PingTimeout: 5 * time.Second}, 30 * time.Second, upstream, "upstream.silent", 1011},
	} {
		h := newHarness(t)
		c, u := h.adopt(tc.o)
		silent, other := c, u
		if tc.side == upstream {
			silent, other = u, c
		}
		if got := h.advanceToTimer(); got != tc.quiet {
			t.Errorf("got a timer after %v, want %v", got, tc.quiet)
		}
		silent.wantPing("quiet")
		other.wantIdle("is not pinged")
		if got := h.advanceToTimer(); got != 5*time.Second {
			t.Errorf("got a timer after %v, want ping_timeout", got)
		}
		silent.wantEOF("not worth a Close frame")
		other.wantClose("told", tc.code, string(tc.side.of())+": did not answer a ping within 5s")
		other.sendClose(tc.code, "")
		h.step()
		h.wantEnd(tc.cause, uint16(tc.code))
	}
}

// A ping waits for the end of the frame that is on its way.
func TestPingWaitsForTheFrame(t *testing.T) {
	h := newHarness(t)
	c, u := h.adopt(&Options{ClientPing: 20 * time.Second, PingTimeout: 5 * time.Second})
	frame := u.frame(ws.Binary, "0123456789")
	u.write(frame[:4])
	h.step()
	h.advance(20 * time.Second)
	c.wantNow("in a frame", frame[:4])
	h.advance(3 * time.Second)
	c.wantIdle("in a frame")
	u.write(frame[4:])
	h.step()
	c.wantNow("the frame is whole", frame[4:])
	h.advance(time.Second)
	id := c.wantPing("between two frames")
	c.send(ws.Pong, id)
	h.step()
	u.wantIdle("usher's own pong is swallowed")
	h.wantOpen()
}

// Between the fragments of a message a ping is legal.
func TestPingBetweenFragments(t *testing.T) {
	h := newHarness(t)
	c, u := h.adopt(&Options{ClientPing: 20 * time.Second, PingTimeout: 5 * time.Second})
	first := u.fragment(ws.Text, false, "half")
	u.write(first)
	h.step()
	c.wantNow("passes", first)
	h.advance(20 * time.Second)
	c.wantPing("between two frames")
}

// A client that usher does not read, because its upstream is slow, is not
// silent for that.
func TestUnreadIsNotSilent(t *testing.T) {
	h := newHarness(t)
	c, u := h.adopt(&Options{ClientPing: 20 * time.Second, PingTimeout: 5 * time.Second})
	message := c.frame(ws.Text, strings.Repeat("x", kernel))
	taken := h.stuff(c, message)
	for range 60 {
		h.advance(time.Second)
	}
	h.wantGoing("its upstream alone is to blame")
	// Read again, it has the time of a ping to show itself.
	u.take(1 << 30)
	u.got = nil
	for at := taken; at < len(message); {
		at += c.offer(message[at:])
		h.step()
		u.take(1 << 30)
		u.got = nil
	}
	h.advance(4 * time.Second)
	h.wantGoing("it was heard")
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
