package relay

import (
	"bytes"
	"encoding/binary"
	"net"
	"strings"
	"testing"
	"time"

	"usher/proxy/session"
	"usher/proxy/ws"
)

// FuzzLoop plays a random script to one pair: frames in random splits, peers
// that read now and then through small buffers, time, closes. What comes out
// is what went in, frame by frame, or a legal end; the session ends once.
func FuzzLoop(f *testing.F) {
	f.Add([]byte("\x00\x05\x02\xff\x03\xff\x80\x07\x82\xff\x83\xff"))
	f.Add([]byte("\x01\xf0\x02\xff\x04\x20\x03\x10\x02\xff\x06\x00\x03\xff"))
	f.Add([]byte("\x01\xff\x02\xff\x81\xff\x82\xff\x04\xff\x04\xff\x03\x40\x04\xff"))
	f.Add([]byte("\x01\xff\x02\xff\x08\x00\x81\xff\x82\xff\x08\x00\x83\xff\x03\xff\x08\x00\x04\xff"))
	f.Add([]byte("\x00\x10\x02\x03\x05\x00\x03\xff\x86\x00"))
	f.Add([]byte("\x01\xff\x02\x04\x07\x00\x83\xff\x04\xff"))
	f.Fuzz(func(t *testing.T, script []byte) {
		h := newHarness(t)
		c, cl := h.newPeer(client)
		u, ul := h.newPeer(upstream)
		buffers(t, 8<<10, c.raw, u.raw, cl.Conn.(*net.UnixConn), ul.Conn.(*net.UnixConn))
		h.adoptLegs(&Options{
			IdleTimeout: 100 * time.Second, WriteTimeout: 30 * time.Second, MessageTimeout: 60 * time.Second,
			ClientPing: 20 * time.Second, UpstreamPing: 15 * time.Second, PingTimeout: 10 * time.Second,
		}, cl, ul)
		p := h.pair()
		actors := [2]*actor{{peer: c}, {peer: u}}
		for ; len(script) >= 2 && len(h.ends) == 0; script = script[2:] {
			actors[script[0]>>7].act(h, script[0]&0x7F, int(script[1]))
			for _, latest := range h.loop.pairs {
				p = latest
			}
		}
		finishFuzz(t, h, p, actors)
	})
}

// actor is a peer with what it has to send.
type actor struct {
	*peer
	pending []byte // not written yet
	sent    []byte // taken by the socket
	inside  bool   // a message is open
	over    bool   // sent a Close frame, or is gone
	gone    bool
}

func (a *actor) act(h *harness, op byte, n int) {
	if a.gone {
		return
	}
	switch op % 9 {
	case 0:
		a.say(ws.Text, n)
	case 1:
		a.say(ws.Binary, n*n*8) // up to 520 KB: splice, where there is one
	case 2:
		k := a.offer(a.pending[:min(len(a.pending), n*n)])
		a.sent = append(a.sent, a.pending[:k]...)
		a.pending = a.pending[k:]
		h.turn()
	case 3:
		a.take(n * n)
		h.turn()
	case 4:
		h.advance(time.Duration(n) * 100 * time.Millisecond)
	case 5:
		if !a.over {
			a.pending = append(a.pending, a.frame(ws.Close, "\x0f\xa0bye")...)
			a.over = true
		}
	case 6:
		if !a.over {
			a.pending = append(a.pending, a.frame(ws.Ping, strings.Repeat("p", n%126))...)
		}
	case 7:
		a.over, a.gone = true, true
		a.conn.Close()
		h.turn()
	case 8:
		h.handOn()
	}
}

// say appends a frame of a message; sizes that are odd leave it open.
func (a *actor) say(op ws.Opcode, size int) {
	if a.over {
		return
	}
	if a.inside {
		op = ws.Continuation
	}
	a.inside = size%2 == 1
	a.pending = append(a.pending, a.fragment(op, !a.inside, strings.Repeat("0123456789abcdef", size/16+1)[:size])...)
}

// finishFuzz lets everything through, checks it, and ends what is left.
func finishFuzz(t *testing.T, h *harness, p *pair, actors [2]*actor) {
	t.Helper()
	for idle := 0; idle < 3; {
		idle++
		for _, a := range actors {
			if a.gone {
				continue
			}
			k := a.offer(a.pending)
			a.sent, a.pending = append(a.sent, a.pending[:k]...), a.pending[k:]
			h.step()
			if a.take(1<<30)+k > 0 {
				idle = 0
			}
		}
	}
	whole := len(h.ends) == 0 && !p.closing()
	if !whole {
		h.advance(time.Hour)
		for _, a := range actors {
			if !a.gone {
				a.take(1 << 30)
			}
		}
	}
	for i, a := range actors {
		if !a.gone {
			checkStream(t, a, actors[1-i], p.pingID, whole)
		}
	}
	h.advance(time.Hour)
	h.advance(time.Hour)
	if len(h.ends) != 1 || h.released != 1 || len(h.loop.pairs) != 0 || len(h.loop.timers) != 0 {
		t.Fatalf("got %d ends, %d releases, %d pairs and %d timers, want the session ended once", len(h.ends), h.released, len(h.loop.pairs), len(h.loop.timers))
	}
	if e := h.ends[0].Cause.Event; e == session.Protocol || e == session.Failed {
		t.Errorf("got the session ended by %v, though nobody broke a rule", h.ends[0].Cause)
	}
}

// checkStream checks what to has got against what from has sent.
func checkStream(t *testing.T, to, from *actor, pingID uint64, whole bool) {
	t.Helper()
	got, sent := to.got, from.sent
	for len(got) > 0 {
		h, n, err := ws.ParseHeader(got)
		if err != nil {
			t.Fatalf("%s got a broken frame: %v", to.side.of(), err)
		}
		size := int64(n) + h.Length
		if n == 0 || size > int64(len(got)) { // the source, or time, cut it
			if !bytes.HasPrefix(sent, got) {
				t.Fatalf("%s got %d bytes of a frame that was not sent so", to.side.of(), len(got))
			}
			if !whole && to.end == nil {
				t.Fatalf("%s got %d bytes of a frame, and no end", to.side.of(), len(got))
			}
			sent = sent[len(got):]
			break
		}
		frame := got[:size]
		got = got[size:]
		if bytes.HasPrefix(sent, frame) {
			sent = sent[size:]
			continue
		}
		payload := bytes.Clone(frame[n:])
		ws.Mask(payload, h.Key, 0)
		switch {
		case h.Opcode == ws.Ping && len(payload) == 8 && binary.BigEndian.Uint64(payload) == pingID:
		case h.Opcode == ws.Close && len(got) == 0 && !whole:
			if _, _, err := ws.ParseClose(payload); err != nil {
				t.Fatalf("%s got an illegal Close frame: %v", to.side.of(), err)
			}
			return
		default:
			t.Fatalf("%s got a %s frame of %d bytes that was not sent", to.side.of(), h.Opcode, size)
		}
	}
	if whole && len(sent) >= ws.MaxControlFrame {
		t.Fatalf("%s lacks %d bytes of a session that goes on", to.side.of(), len(sent))
	}
}
