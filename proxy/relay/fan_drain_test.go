package relay

import (
	"testing"
	"time"

	"usher/proxy/engineio"
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
