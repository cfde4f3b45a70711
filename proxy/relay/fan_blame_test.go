package relay

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/proxy/demux"
	"usher/proxy/engineio"
	"usher/proxy/session"
	"usher/proxy/ws"
)

const fanRate = 32 << 10

func newRatedFan(t *testing.T, polling bool) *fanHarness {
	t.Helper()
	return newFanHarnessOf(t, engineio.V4, polling, &FanOptions{
		Demux:    demux.NewConfig(chatty),
		Client:   &Options{MaxMessage: 1_000_000, ClientRate: session.MaxRate{Bytes: fanRate}},
		Upstream: &Options{WriteTimeout: time.Hour},
		LegQueue: 64 << 10,
	})
}

// TestFanRateBehindASlowLeg has a client keep to its rate while its leg takes
// nothing: what has gathered meanwhile is read at once, and no fault of the
// client's.
func TestFanRateBehindASlowLeg(t *testing.T) {
	h := newRatedFan(t, false)
	c := h.connect()
	main := h.join(c, "/", 0)
	f := &flood{size: 10_000}
	for held := 0; held < 4; h.advance(time.Second) {
		if f.run(h.harness, c, fanRate*9/10) < fanRate/10 {
			held++ // nothing more is taken: the client's buffers are full
		}
	}
	next := 0
	for quiet := 0; quiet < 3; quiet++ {
		if takeEvents(t, main, map[string]*int{"": &next}) > 0 {
			quiet = 0
		}
		h.step()
	}
	h.wantOpen()
	if next < f.next-1 {
		t.Fatalf("got %d of %d events", next, f.next)
	}

	for range 40 {
		f.run(h.harness, c, fanRate)
		takeEvents(t, main, map[string]*int{"": &next})
	}
	c.wantClose("now it did not", 1008, "more than max_rate was sent")
}

// TestFanRateOfPostsBehindASlowLeg has the same for a client that polls: it
// gathers by itself, until its POST is answered.
func TestFanRateOfPostsBehindASlowLeg(t *testing.T) {
	h := newRatedFan(t, true)
	h.get()
	main := h.joinPolling(0)
	body := func(n int) string { return `42["` + strings.Repeat("x", n) + `"]` }
	const second = fanRate * 9 / 10
	var last *getting
	for held := 0; held < 5; h.advance(time.Second) {
		if last == nil || len(last.posted) > 0 {
			last = h.postBody(body(second))
		} else {
			held++
		}
	}
	for range 3 {
		for main.take(1<<30) > 0 {
			h.step()
		}
		h.step()
	}
	last.wantPosted("there is room", Done)
	h.postBody(body(5*second)).wantPosted("it kept to its rate", Done)
	if h.fan.fan.closing() {
		t.Fatal("got the end of a client that kept to its rate")
	}
	main.take(1 << 30)
	if h.postBody(body(5 * second)); !h.fan.fan.closing() {
		t.Error("got a client that goes on beyond its rate")
	}
}

// TestFanRateOfFrames wants all counted that a client sends by its WebSocket.
func TestFanRateOfFrames(t *testing.T) {
	for _, tc := range []struct {
		name    string
		op      ws.Opcode
		payload string
	}{
		{"events", ws.Text, "42[1]"},
		{"heartbeats", ws.Text, "3"},
		{"pings", ws.Ping, "x"},
		{"pongs", ws.Pong, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h, c := newCountedFan(t, 10)
			for range 10 {
				c.send(tc.op, tc.payload)
			}
			h.step()
			if h.fan.fan.closing() {
				t.Fatal("got the end of a client that kept to its rate")
			}
			c.fill()
			c.got = nil
			c.send(tc.op, tc.payload)
			h.step()
			c.wantClose("one too many", 1008, "more than max_rate was sent")
		})
	}
}

// A Close frame is no matter of the rate.
func TestFanRateAndClose(t *testing.T) {
	h, c := newCountedFan(t, 1)
	c.send(ws.Ping, "")
	c.sendClose(1000, "")
	h.step()
	c.wantFrame("within its rate", ws.Pong, "")
	c.wantClose("it leaves", 1000, "")
}

// newCountedFan returns a fan and its client, which may send so many messages
// per second.
func newCountedFan(t *testing.T, messages int64) (*fanHarness, *peer) {
	t.Helper()
	h := newFanHarnessOf(t, engineio.V4, false, &FanOptions{
		Demux:    demux.NewConfig(chatty),
		Client:   &Options{ClientRate: session.MaxRate{Messages: messages}},
		Upstream: &Options{},
	})
	c := h.connect()
	h.join(c, "/", 0)
	h.advance(time.Second)
	return h, c
}

// TestFanMessageTimeoutBehindASlowLeg does not blame the client for a message
// that a leg keeps from going on.
func TestFanMessageTimeoutBehindASlowLeg(t *testing.T) {
	h := newFanHarnessOf(t, engineio.V4, false, &FanOptions{
		Demux:    demux.NewConfig(chatty),
		Client:   &Options{MaxMessage: 64 << 20, MessageTimeout: 5 * time.Second},
		Upstream: &Options{WriteTimeout: time.Hour},
		LegQueue: 64 << 10,
	})
	c := h.connect()
	main := h.join(c, "/", 0)
	f := &flood{size: 10_000}
	for h.fan.fan.legs[0].strand.waits() <= 64<<10-10_100 {
		f.run(h.harness, c, 1)
		f.run(h.harness, c, len(f.rest))
		h.step()
	}
	long := c.frame(ws.Text, "42["+strings.Repeat("x", 30<<20)+"]")
	at := 1000
	c.write(append(c.frame(ws.Text, f.event(f.next)), long[:at]...)) // the leg has enough of it
	h.step()
	at += h.stuff(c, long[at:])
	if !h.fan.fan.congested() || h.fan.fan.client.parts == nil {
		t.Fatal("want the leg to hold the client back in the middle of a message")
	}
	for range 8 {
		h.advance(time.Second)
	}
	h.wantOpen()
	h.drain(main)
	h.advance(time.Second)
	h.stuff(c, long[at:at+1_000_000])
	h.advance(3 * time.Second)
	if h.fan.fan.closing() {
		t.Fatal("the leg was slow, not the client")
	}
	h.advance(time.Second)
	if !h.fan.fan.closing() {
		t.Error("want the end of a client that does not go on")
	}
}

// TestRow14FanNeverFinishedHeader ends who sends a part of a header, or of a
// control frame, which belongs to no message yet.
func TestRow14FanNeverFinishedHeader(t *testing.T) {
	frames := &peer{side: client}
	event, ping := frames.frame(ws.Text, "42[1]"), frames.frame(ws.Ping, "abcd")
	for _, tc := range []struct {
		name  string
		frame []byte
		sent  int // of it
	}{
		{"a byte", event, 1},
		{"half a header", event, 2},
		{"a header but for a byte", event, 5},
		{"half a ping", ping, 7},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newFanHarnessOf(t, engineio.V4, false, &FanOptions{
				Demux:    demux.NewConfig(chatty),
				Client:   &Options{MessageTimeout: 10 * time.Second},
				Upstream: &Options{},
			})
			c := h.connect()
			h.join(c, "/", 0)
			c.write(tc.frame[:tc.sent])
			for range 3 { // each has a time of its own
				h.step()
				h.advance(9 * time.Second)
				c.write(slices.Concat(tc.frame[tc.sent:], tc.frame[:tc.sent]))
			}
			h.step()
			h.advance(10*time.Second - 1)
			if h.fan.fan.closing() {
				t.Fatal("got the end before its time")
			}
			h.advance(1)
			if !h.fan.fan.closing() {
				t.Fatal("got the session going on after 10s")
			}
			c.fill()
			if want := "message was not complete after 10s"; !bytes.Contains(c.got, []byte(want)) {
				t.Errorf("got %q, want a Close frame with %q", c.got, want)
			}
		})
	}
}
