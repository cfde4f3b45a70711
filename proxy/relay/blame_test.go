package relay

import (
	"strings"
	"testing"
	"time"

	"usher/proxy/session"
	"usher/proxy/ws"
)

// drain takes all that is on its way to p.
func (h *harness) drain(p *peer) {
	for quiet := 0; quiet < 3; quiet++ {
		if p.take(1<<30) > 0 {
			quiet = 0
		}
		p.got = p.got[:0]
		h.step()
	}
}

// TestRateBehindASlowUpstream has a client keep to its rate while its upstream
// takes nothing: what has gathered meanwhile is read at once, and no fault of
// the client's.
func TestRateBehindASlowUpstream(t *testing.T) {
	const perSecond = 32 << 10
	h := newHarness(t)
	c, u := h.adopt(&Options{ClientRate: session.MaxRate{Bytes: perSecond}})
	stream := c.frame(ws.Text, strings.Repeat("x", 4<<20))
	at := 0
	for n := perSecond; n > 0; h.advance(time.Second) {
		n = c.offer(stream[at : at+perSecond])
		at += n
	}
	h.drain(u)
	h.wantGoing("it kept to its rate")

	for range 3 {
		at += c.offer(stream[at : at+perSecond])
		h.drain(u)
	}
	c.wantClose("now it did not", 1008, "more than max_rate was sent")
}

// TestMessageTimeoutBehindASlowUpstream does not blame the client for a message
// that the upstream keeps from going on.
func TestMessageTimeoutBehindASlowUpstream(t *testing.T) {
	h := newHarness(t)
	c, u := h.adopt(&Options{MessageTimeout: 10 * time.Second})
	message := c.frame(ws.Text, strings.Repeat("x", 64<<20))
	at := h.stuff(c, message)
	for range 5 {
		h.advance(6 * time.Second)
		u.take(200 << 10)
		at += h.stuff(c, message[at:])
	}
	h.wantGoing("the upstream is slow, not the client")
	h.drain(u)
	h.advance(10*time.Second + 1)
	h.drain(u)
	c.wantClose("the client does not go on", 1008, "message was not complete after 10s")
}
