package relay

import (
	"testing"
	"time"

	"usher/proxy/engineio"
	"usher/proxy/session"
	"usher/proxy/ws"
)

// A session that ends with its legs leaves in its turn, as in every drain.
func TestFanLeavesWithItsLegs(t *testing.T) {
	h := newFanHarness(t, engineio.V4, false)
	c := h.connect()
	main := h.join(c, "/", 0)
	h.loop.loseLegs(restart(time.Minute, time.Hour, h.harness), share{1, 2}, func(tag string) bool { return tag == "endpoint-0" })
	c.send(ws.Text, `42["its turn comes later"]`)
	h.step()
	main.wantFrame("it is served until then", ws.Text, `42["its turn comes later"]`)
	h.advance(50 * time.Millisecond)
	c.wantClose("the drain's code", 1012, "usher is shutting down")
	c.sendClose(1012, "")
	main.answerClose("the leg is closed", 1001)
	h.step()
	h.wantFanEnd("usher.shutdown", 1012, "/")
}

// replaced is how a session ends for whose user a newer one was opened.
func replaced(h *harness) *session.Drain {
	return &session.Drain{
		Cause: session.Cause{Side: session.Usher, Event: session.Replaced},
		Code:  1008, Reason: "too many sessions", Until: h.loop.epoch.Add(h.now + time.Hour),
	}
}

// A client that is not to come back by itself is told that it has left, before the
// end, by either transport.
func TestFanIsReplaced(t *testing.T) {
	h := newFanHarness(t, engineio.V4, false)
	c := h.connect()
	main := h.join(c, "/", 0)
	admin := h.join(c, "/admin", 1)
	h.loop.drain(replaced(h.harness), share{0, 1}, nil)
	h.advance(time.Millisecond)
	c.wantFrame("it has left", ws.Text, "41")
	c.wantFrame("it has left", ws.Text, "41/admin,")
	c.wantClose("the end", 1008, "too many sessions")
	c.sendClose(1008, "")
	for _, u := range []*peer{main, admin} {
		u.answerClose("the leg is closed, without a word of Socket.IO", 1001)
	}
	h.step()
	h.wantFanEnd("usher.replaced", 1008, "/", "/admin")
}

func TestFanIsReplacedAsItPolls(t *testing.T) {
	for _, waits := range []bool{true, false} {
		h := newPollingFan(t)
		main := h.joinPolling(0)
		var g *getting
		if waits {
			g = h.get()
		} else {
			main.send(ws.Text, "42[1]")
			h.step()
		}
		h.loop.drain(replaced(h.harness), share{0, 1}, nil)
		h.advance(time.Millisecond)
		main.answerClose("the leg is closed", 1001)
		h.step()
		if !waits {
			g = h.get()
		}
		g.wantAnswer("it has left", Done, "41")
		h.get().wantAnswer("the end", Done, "1")
		h.step()
		h.wantFanEnd("usher.replaced", 1008, "/")
		h.get().wantAnswer("later", UnknownSID, "")
	}
}

// Nobody keeps for ever what nobody comes for.
func TestFanIsReplacedAndGone(t *testing.T) {
	h := newPollingFan(t)
	main := h.joinPolling(0)
	h.loop.drain(replaced(h.harness), share{0, 1}, nil)
	h.advance(time.Millisecond)
	main.answerClose("the leg is closed", 1001)
	h.step()
	h.wantFanEndAfterTombstone("usher.replaced", 1008, "/")
	if out := &h.fan.fan.answers.out; !out.empty() || out.data != nil {
		t.Errorf("got %d packets kept, want none", len(out.packets))
	}
}

// A leg whose endpoint has gone while it was being dialled is not taken in.
func TestFanLegIsLate(t *testing.T) {
	h := newFanHarness(t, engineio.V4, false)
	c := h.connect()
	c.send(ws.Text, "40")
	h.step()
	u, l := h.newPeer(upstream)
	d := h.dials[0]
	h.dials = h.dials[1:]
	d.done(Dialled{Leg: l, Tag: "late", Release: func() { h.freed++ }, Lost: func() bool { return true }})
	h.step()
	u.wantEOF("nobody wants it")
	if h.freed != 1 {
		t.Errorf("got %d legs released, want 1", h.freed)
	}
	h.advanceToTimer()
	if len(h.dials) != 1 {
		t.Errorf("got %d dials, want another", len(h.dials))
	}
}
