package relay

import (
	"bytes"
	"fmt"
	"math/rand/v2"
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

// However what clients and upstreams send is cut and interleaved, and whoever
// reads late, each gets the bytes of its own peer.
func TestAttack60InterleavedSessions(t *testing.T) {
	for seed := range uint64(20) {
		order := rand.New(rand.NewPCG(seed, 60))
		h := newHarness(t)
		type way struct {
			from, to   *peer
			rest, want []byte
		}
		var ways []*way
		for i := range 5 {
			c, u := h.adopt(&Options{})
			for _, d := range dirs(c, u) {
				var b []byte
				for j := range 20 {
					b = append(b, d.from.frame(ws.Text, strings.Repeat(fmt.Sprint(i, d.from.side, j, ";"), order.IntN(3000)))...)
				}
				ways = append(ways, &way{d.from, d.to, b, b})
			}
		}
		for left := len(ways); left > 0; {
			w := ways[order.IntN(len(ways))]
			if n := len(w.rest); n > 0 {
				if w.rest = w.rest[w.from.offer(w.rest[:min(n, 1+order.IntN(20000))]):]; len(w.rest) == 0 {
					left--
				}
			}
			if order.IntN(3) == 0 {
				h.move()
			}
			ways[order.IntN(len(ways))].to.take(1 + order.IntN(50000))
		}
		for range 10 {
			h.step()
			for _, w := range ways {
				w.to.take(1 << 30)
			}
		}
		for _, w := range ways {
			if !bytes.Equal(w.to.got, w.want) {
				t.Errorf("seed %d: got %d bytes, want the %d of its peer", seed, len(w.to.got), len(w.want))
			}
		}
		h.wantOpen()
	}
}

// buffered is what buffers sets.
type buffered interface {
	SetReadBuffer(int) error
	SetWriteBuffer(int) error
}
