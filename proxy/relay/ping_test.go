package relay

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"usher/proxy/ws"
)

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
