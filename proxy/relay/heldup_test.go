package relay

import (
	"testing"
	"time"

	"usher/proxy/ws"
)

var pings = &Options{ClientPing: 10 * time.Second, PingTimeout: 5 * time.Second}

// What peers have sent while the loop was held up is there, but a turn takes
// 256 sockets: the others are no more silent than those.
func TestHeldUpLoopHearsBeforeItJudges(t *testing.T) {
	h := newHarness(t)
	var clients []*peer
	for range 300 {
		c, cl := h.newPeer(client)
		_, ul := h.newPeer(upstream)
		h.postSession(h.open(), pings, cl, ul)
		clients = append(clients, c)
	}
	h.step()
	h.advance(10 * time.Second)
	for _, c := range clients {
		c.wantPing("quiet")
		c.send(ws.Text, "still here")
	}
	h.wakeLate(10 * time.Second)
	h.move()
	h.wantNoneClosing()
	h.step()
	h.wakeLate(catchUpTime)
	h.step()
	h.wantNoneClosing()
}

// Who is silent is found to be so, also by a loop that is never in time.
func TestHeldUpLoopJudges(t *testing.T) {
	h := newHarness(t)
	c, _ := h.adopt(pings)
	h.advance(10 * time.Second)
	c.wantPing("quiet")
	h.wakeLate(10 * time.Second)
	h.step()
	h.wantNoneClosing()
	h.wakeLate(10 * time.Second)
	h.step()
	c.wantEOF("silent")
}

// wakeLate has the loop wake up after d, as run does.
func (h *harness) wakeLate(d time.Duration) {
	h.now += d
	h.loop.catchUp(h.now)
}

func (h *harness) wantNoneClosing() {
	h.t.Helper()
	closing := 0
	for p := range h.loop.pairs {
		if p.closing() {
			closing++
		}
	}
	if closing > 0 || len(h.ends) > 0 {
		h.t.Fatalf("got %d sessions closing, %d ended, want none", closing, len(h.ends))
	}
}
