package relay

import (
	"testing"
	"time"

	"usher/proxy/engineio"
	"usher/proxy/ws"
)

// expireIn has what is opened next expire then, or up to a second before.
func (h *harness) expireIn(d time.Duration) {
	now := time.Unix(0, h.loop.began+int64(h.now))
	h.info.Expires, h.info.ExpiryCode = now.Add(d).Unix(), 3000
}

// A pair ends when what has let its client in does, however busy it is, and not
// before.
func TestPairExpires(t *testing.T) {
	h := newHarness(t)
	h.expireIn(10 * time.Minute)
	c, u := h.adopt(&Options{IdleTimeout: time.Hour})
	h.advance(9 * time.Minute)
	c.send(ws.Text, "still there")
	h.step()
	u.wantFrame("before", ws.Text, "still there")
	h.wantOpen()
	h.advance(2 * time.Minute)
	c.wantClose("expired", 3000, "token expired")
	u.wantClose("expired", 3000, "token expired")
	c.sendClose(3000, "")
	u.sendClose(3000, "")
	h.step()
	h.wantEnd("usher.expired", 3000)
}

// One that has expired before it comes is not served.
func TestPairHasExpired(t *testing.T) {
	h := newHarness(t)
	h.expireIn(-time.Hour)
	c, u := h.adopt(&Options{})
	c.wantClose("expired", 3000, "token expired")
	u.wantClose("expired", 3000, "token expired")
	c.conn.Close()
	u.conn.Close()
	h.step()
	h.wantEnd("usher.expired", 3000)
}

// However many end at the same time, others are served between two of them.
func TestManyEndsCrowdNobodyOut(t *testing.T) {
	const many = 200
	h := newHarness(t)
	c, u := h.adopt(&Options{})
	h.expireIn(10 * time.Second)
	for range many {
		_, cl := h.newPeer(client)
		_, ul := h.newPeer(upstream)
		h.postSession(h.open(), &Options{}, cl, ul)
	}
	h.step()
	told := func() (n int) {
		for _, p := range h.loop.pairs {
			if p.closing() {
				n++
			}
		}
		return n
	}
	h.now += time.Minute
	for turn := range 10 {
		before := told()
		c.send(ws.Text, "hello")
		h.turn()
		u.wantNow("served in each turn", c.frame(ws.Text, "hello"))
		if n := told() - before; n == 0 || n > leastTicks {
			t.Errorf("turn %d: got %d ends, want some, and at most %d", turn, n, leastTicks)
		}
	}
	h.step()
	if n := told(); n != many {
		t.Errorf("got %d ends, want all %d", n, many)
	}
}

// A session of Engine.IO ends as by loss: without a word of Socket.IO, so that
// its client comes back and its upstream can recover what it has missed.
func TestFanExpires(t *testing.T) {
	h := newFanHarness(t, engineio.V4, false, func(h *fanHarness) { h.expireIn(20 * time.Second) })
	c := h.connect()
	main := h.join(c, "/", 0)
	h.advance(10 * time.Second)
	c.send(ws.Text, `42["still there"]`)
	h.step()
	main.wantFrame("before", ws.Text, `42["still there"]`)
	h.advance(12 * time.Second)
	c.wantClose("expired", 3000, "token expired")
	c.sendClose(3000, "")
	main.answerClose("the leg is closed", 1001)
	h.step()
	h.wantFanEnd("usher.expired", 3000, "/")
}

// Who is let in again may stay for another time: shorter, of which the loop is told,
// or longer, which it notices by itself.
func TestExpiryIsRetimed(t *testing.T) {
	at := func(h *harness, d time.Duration) int64 { return time.Unix(0, h.loop.began+int64(h.now)).Add(d).Unix() }
	t.Run("pair", func(t *testing.T) {
		h := newHarness(t)
		c, u := h.adopt(&Options{})
		x := h.pair().session
		h.step()
		if !x.Retime(at(h, 10*time.Minute), 3001) || x.Retime(at(h, 20*time.Minute), 3002) || x.Retime(at(h, 20*time.Minute), 3002) {
			t.Error("sooner: got another answer than yes, no, no")
		}
		h.loop.rouse(x)
		h.advance(15 * time.Minute)
		h.wantOpen()
		if !x.Retime(at(h, time.Minute), 3003) {
			t.Error("got no sooner")
		}
		h.loop.rouse(x)
		h.advance(2 * time.Minute)
		c.wantClose("expired", 3003, "token expired")
		u.wantClose("expired", 3003, "token expired")
		c.sendClose(3003, "")
		u.sendClose(3003, "")
		h.step()
		h.wantEnd("usher.expired", 3003)
	})
	t.Run("fan", func(t *testing.T) {
		h := newFanHarness(t, engineio.V4, false)
		c := h.connect()
		main := h.join(c, "/", 0)
		h.fan.fan.session.Retime(at(h.harness, 10*time.Second), 3001)
		h.loop.rouse(h.fan.fan.session)
		h.advance(12 * time.Second)
		c.wantClose("expired", 3001, "token expired")
		c.sendClose(3001, "")
		main.answerClose("the leg is closed", 1001)
		h.step()
		h.wantFanEnd("usher.expired", 3001, "/")
	})
}
