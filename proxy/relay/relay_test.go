package relay

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"usher/proxy/ws"
)

func TestEcho(t *testing.T) {
	h := newHarness(t)
	c, u := h.adopt(&Options{})
	c.send(ws.Text, "hello")
	h.step()
	u.wantFrame("the client's message passes", ws.Text, "hello")
	u.send(ws.Binary, "world")
	h.step()
	c.wantFrame("the upstream's message passes", ws.Binary, "world")
	h.wantOpen()
}

func TestClose(t *testing.T) {
	h := newHarness(t)
	c, u := h.adopt(&Options{})
	c.sendClose(4001, "bye")
	h.step()
	u.wantClose("the client's close passes", 4001, "bye")
	u.sendClose(4001, "bye")
	h.step()
	c.wantClose("the answer passes", 4001, "bye")
	c.wantEOF("both have closed")
	u.wantEOF("both have closed")
	h.wantEnd("client.closed", 4001)
}

func TestUpstreamLost(t *testing.T) {
	h := newHarness(t)
	c, u := h.adopt(&Options{})
	u.conn.Close()
	h.step()
	c.wantClose("the client is told", 1011, "upstream: connection lost")
	c.sendClose(1011, "")
	h.step()
	c.wantEOF("it answered")
	h.wantEnd("upstream.lost", 1011)
}

func TestBigMessages(t *testing.T) {
	for _, tc := range []struct {
		name  string
		adopt func(h *harness) (c, u *peer)
	}{
		{"plain", func(h *harness) (c, u *peer) { return h.adopt(&Options{}) }},
		{"tls client", func(h *harness) (*peer, *peer) {
			c, cl := h.newTLSPeer(client, tls.VersionTLS13)
			u, ul := h.newPeer(upstream)
			h.adoptLegs(&Options{}, cl, ul)
			return c, u
		}},
		{"tls both, own records", func(h *harness) (*peer, *peer) {
			c, cl := h.newTLSPeer(client, ownRecords)
			u, ul := h.newTLSPeer(upstream, ownRecords)
			h.adoptLegs(&Options{}, cl, ul)
			return c, u
		}},
		{"tls both 1.2", func(h *harness) (*peer, *peer) {
			c, cl := h.newTLSPeer(client, tls.VersionTLS12)
			u, ul := h.newTLSPeer(upstream, tls.VersionTLS12)
			h.adoptLegs(&Options{}, cl, ul)
			return c, u
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHarness(t)
			c, u := tc.adopt(h)
			for _, op := range []ws.Opcode{ws.Text, ws.Binary} {
				payload := strings.Repeat("0123456789abcdef", 64<<10)
				for _, dir := range [][2]*peer{{c, u}, {u, c}} {
					from, to := dir[0], dir[1]
					done := make(chan struct{})
					go func() { defer close(done); from.send(op, payload) }()
					size := len(from.frame(op, payload))
					for len(to.got) < size {
						h.move()
						to.fill()
					}
					<-done
					to.wantFrame("a large message passes", op, payload)
				}
			}
			h.wantOpen()
		})
	}
}

func TestIdle(t *testing.T) {
	h := newHarness(t)
	c, u := h.adopt(&Options{IdleTimeout: time.Minute})
	if d := h.advanceToTimer(); d != time.Minute {
		t.Errorf("got a timer after %v, want 1m", d)
	}
	c.wantClose("idle", 1001, "nothing passed for 1m0s")
	u.wantClose("idle", 1001, "nothing passed for 1m0s")
	c.sendClose(1001, "")
	u.sendClose(1001, "")
	h.step()
	h.wantEnd("usher.idle", 1001)
}
