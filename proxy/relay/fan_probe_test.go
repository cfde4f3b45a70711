package relay

import (
	"strings"
	"testing"
	"time"

	"usher/proxy/ws"
)

// E-18, E-19: the upgrade loses nothing and keeps the order, whatever stands
// behind the upgrade packet.
func TestFanUpgrade(t *testing.T) {
	h := newPollingFan(t)
	u := h.joinPolling(0)
	g := h.get()
	c, l := h.newPeer(client)
	h.fan.Probe(l, false)
	h.step()
	g.wantWaiting("the probe has not spoken")
	c.send(ws.Text, "2probe")
	h.step()
	c.wantFrame("the probe is answered", ws.Text, "3probe")
	g.wantAnswer("so that the client goes on", Done, "6")

	u.send(ws.Text, "42[1]")
	h.step()
	h.advance(gathering)
	g = h.get()
	g.wantAnswer("data still goes by polling", Done, "42[1]")
	g = h.get()
	g.wantWaiting("not at once: the client may not have read the probe's answer")
	h.advance(idleProbing)
	g.wantAnswer("after a while", Done, "6")

	h.postBody(`451-[{"_placeholder":true,"num":0}]`).wantPosted("half a group by polling", Done)
	u.send(ws.Text, "42[2]")
	u.send(ws.Text, "42[3]")
	h.step()
	c.wantIdle("not upgraded yet")
	c.write(append(append(c.frame(ws.Text, "5"), c.frame(ws.Binary, "\x01")...), c.frame(ws.Text, "42[9]")...))
	u.send(ws.Text, "42[4]")
	h.step()
	for _, want := range []string{"42[2]", "42[3]", "42[4]"} {
		c.wantFrame("what was not taken by a GET, in order", ws.Text, want)
	}
	u.wantFrame("the group goes on over the socket", ws.Text, `451-[{"_placeholder":true,"num":0}]`)
	u.wantFrame("the group goes on over the socket", ws.Binary, "\x01")
	u.wantFrame("what stood behind the upgrade", ws.Text, "42[9]")
	if tr := h.fan.Transport(); tr != WebSocket {
		t.Errorf("got transport %v, want %v", tr, WebSocket)
	}
	h.get().wantAnswer("a GET now", BadRequest, "")
	h.postBody("42").wantPosted("a POST now", BadRequest)

	again, l := h.newPeer(client)
	h.fan.Probe(l, false)
	h.step()
	again.answerClose("a second upgrade", 1000)
	h.step()
	again.wantEOF("a second upgrade")
	h.advance(20 * time.Second) // of the upgrade's time limit nothing is left
	h.wantOpen()
	c.send(ws.Text, "42[10]")
	h.step()
	u.wantFrame("goes on", ws.Text, "42[10]")
}

// A client that goes on by WebSocket has not given up because of a POST that was
// too big.
func TestFanGoesOnAfterABigPost(t *testing.T) {
	h := newPollingFan(t)
	u := h.joinPolling(0)
	h.fan.TooBig()
	c, l := h.newPeer(client)
	h.fan.Probe(l, false)
	h.step()
	c.send(ws.Text, "2probe")
	h.step()
	c.wantFrame("the probe is answered", ws.Text, "3probe")
	c.send(ws.Text, "5")
	c.send(ws.Text, "42[1]")
	h.step()
	u.wantFrame("it goes on", ws.Text, "42[1]")
	c.send(ws.Text, "1")
	h.step()
	c.answerClose("it closes", 1000)
	u.answerClose("the leg is closed", 1001)
	h.step()
	h.wantFanEnd("client.closed", 1000, "/")
}

// E-20: a probe that comes to nothing leaves polling as it was.
func TestFanProbeFails(t *testing.T) {
	for _, tc := range []struct {
		name string
		play func(h *fanHarness, c *peer)
	}{
		{"too slow", func(h *fanHarness, c *peer) { h.advance(10 * time.Second) }},
		{"another packet", func(h *fanHarness, c *peer) { c.send(ws.Text, "4hello"); h.step() }},
		{"upgrade without a ping", func(h *fanHarness, c *peer) { c.send(ws.Text, "5"); h.step() }},
		{"no packet", func(h *fanHarness, c *peer) { c.send(ws.Text, "x"); h.step() }},
		{"broken frame", func(h *fanHarness, c *peer) { c.write([]byte("\xff\xff")); h.step() }},
		{"lost", func(h *fanHarness, c *peer) { c.conn.Close(); h.step() }},
		{"closed", func(h *fanHarness, c *peer) { c.sendClose(1000, ""); h.step() }},
		{"lost behind its ping", func(h *fanHarness, c *peer) {
			c.send(ws.Text, "2probe")
			h.step()
			c.wantFrame("the probe is answered", ws.Text, "3probe")
			c.conn.Close()
			h.step()
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newPollingFan(t)
			u := h.joinPolling(0)
			c, l := h.newPeer(client)
			h.fan.Probe(l, false)
			h.step()
			if tr := h.fan.Transport(); tr != Probing {
				t.Errorf("got transport %v, want %v", tr, Probing)
			}
			tc.play(h, c)
			h.advance(farewellTimeout)
			c.fill()
			if c.end == nil && !strings.Contains(tc.name, "lost") {
				t.Error("got the probe's socket open, want it closed")
			}
			if tr := h.fan.Transport(); tr != Polling {
				t.Errorf("got transport %v, want %v", tr, Polling)
			}
			u.send(ws.Text, "42[1]")
			h.step()
			h.advance(gathering)
			h.get().wantAnswer("polling goes on", Done, "42[1]")
			h.postBody("42[2]").wantPosted("polling goes on", Done)
			u.wantFrame("polling goes on", ws.Text, "42[2]")
			h.get().wantWaiting("without noops")
			h.advance(time.Second)
			if n := len(h.fan.fan.strands); n != 1 {
				t.Errorf("got %d sockets, want the leg's", n)
			}
		})
	}
}
