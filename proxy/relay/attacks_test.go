package relay

import (
	"bytes"
	"strings"
	"testing"

	"usher/proxy/ws"
)

// The tests in this file are named by the rows of the list of attacks that
// usher is held to.

// However many clients never stop sending, and whatever they send, a turn moves
// the share of one of them, and each of the others' messages passes in it.
func TestAttack39ManyGreedyClients(t *testing.T) {
	const many, most = 40, greedyReads*bufferSize + maxHeld
	for _, tc := range []struct {
		name  string
		block func(c *peer) []byte
	}{
		{"messages of one byte", func(c *peer) []byte { return c.frame(ws.Text, "x") }},
		{"empty fragments", func(c *peer) []byte {
			return bytes.Join([][]byte{c.fragment(ws.Binary, false, ""), bytes.Repeat(c.fragment(ws.Continuation, false, ""), 20), c.frame(ws.Continuation, "")}, nil)
		}},
		{"pings", func(c *peer) []byte { return c.frame(ws.Ping, "") }},
		{"messages of 64 KiB", func(c *peer) []byte { return c.frame(ws.Text, strings.Repeat("x", 64<<10)) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHarness(t)
			const plenty = 8 << 20
			greedy, sinks := make([]*peer, many), make([]*peer, many)
			for i := range many {
				c, cl := h.newPeer(client)
				u, ul := h.newPeer(upstream)
				buffers(t, plenty, c.raw, u.raw, cl.Conn.(buffered), ul.Conn.(buffered))
				h.post(&Options{}, cl, ul)
				greedy[i], sinks[i] = c, u
			}
			c, u := h.adopt(&Options{})
			block := tc.block(c)
			flood := bytes.Repeat(block, 1+2*greedyReads*bufferSize/len(block))
			for _, g := range greedy {
				g.offer(flood)
			}
			h.turn() // all are read once, and are found to be greedy
			for turn := range 10 {
				for _, s := range sinks {
					s.take(1 << 30)
					s.got = nil
				}
				c.send(ws.Text, "hello")
				h.turn()
				u.wantNow("served in each turn", c.frame(ws.Text, "hello"))
				moved := 0
				for _, s := range sinks {
					moved += s.take(1 << 30)
				}
				if moved == 0 || moved > most {
					t.Errorf("got %d bytes of the greedy ones in turn %d, want some, and at most %d", moved, turn, most)
				}
			}
		})
	}
}

// buffered is what buffers sets.
type buffered interface {
	SetReadBuffer(int) error
	SetWriteBuffer(int) error
}
