package relay

import (
	"testing"
	"time"

	"usher/proxy/engineio"
	"usher/proxy/session"
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
	h.wakeLate(session.CatchUpTime)
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

// What the loop itself has to do waits for nobody: a drain, and the end of one.
func TestHeldUpLoopDrainsInTime(t *testing.T) {
	h := newHarness(t)
	c, u := h.adopt(pings)
	h.advance(10 * time.Second)
	c.wantPing("quiet")
	u.wantIdle("it is not pinged")
	h.loop.drain(restart(time.Second, 6*time.Second, h), share{0, 1}, nil)
	h.wakeLate(5 * time.Second)
	h.step()
	c.wantClose("the drain's", 1012, "usher is shutting down")
	u.wantClose("the drain's", 1012, "usher is shutting down")
	h.advance(time.Second)
	h.wantEnd("usher.shutdown", 1012)
}

// Nor do answers to polls wait.
func TestHeldUpLoopAnswersPolls(t *testing.T) {
	h := newPollingFan(t)
	main := h.joinPolling(0)
	g := h.get()
	h.wakeLate(26 * time.Second) // the ping is due since a second
	h.step()
	g.wantWaiting("nothing is there")
	main.send(ws.Text, "42[3]")
	h.step()
	h.wakeLate(gathering)
	h.step()
	g.wantAnswer("it has gathered", Done, "42[3]")
}

// Heartbeats of Engine.IO are judged when all that has come is read, and nothing
// is looked at over and over until then.
func TestHeldUpFanHearsBeforeItJudges(t *testing.T) {
	h := newFanHarness(t, engineio.V4, false)
	c := h.connect()
	main := h.join(c, "/", 0)
	h.advance(25 * time.Second)
	c.wantFrame("a ping", ws.Text, "2")
	h.wakeLate(30 * time.Second)
	h.loop.turn(h.now, false) // its pong stands behind others
	h.wantOpen()
	if due, _ := h.loop.timers.next(); due != h.now+session.CatchUpTime {
		t.Errorf("next look: got it in %v, want it in %v", due-h.now, session.CatchUpTime)
	}
	c.send(ws.Text, "3")
	main.send(ws.Text, "2")
	h.step()
	h.wakeLate(session.CatchUpTime)
	h.step()
	h.wantOpen()
}

// wakeLate has the loop wake up after d, as run does.
func (h *harness) wakeLate(d time.Duration) {
	h.now += d
	h.loop.catchUp(h.now)
}

func (h *harness) wantNoneClosing() {
	h.t.Helper()
	closing := 0
	for _, p := range h.loop.pairs {
		if p.closing() {
			closing++
		}
	}
	if closing > 0 || len(h.ends) > 0 {
		h.t.Fatalf("got %d sessions closing, %d ended, want none", closing, len(h.ends))
	}
}
