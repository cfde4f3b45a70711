package relay

import (
	"strings"
	"testing"
	"time"

	"usher/proxy/session"
	"usher/proxy/ws"
)

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
