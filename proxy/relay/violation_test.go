package relay

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"usher/proxy/ws"
)

// rawFrame returns a frame with any first byte; masked as p must or must not.
func (p *peer) rawFrame(first byte, payload string) []byte {
	b := p.frame(ws.Binary, payload)
	b[0] = first
	return b
}

// flip returns a frame of p with the mask of the other side.
func flip(p *peer) []byte {
	return (&peer{side: 1 - p.side}).frame(ws.Text, "x")
}

func closePayload(code uint16, reason string) string {
	return string(binary.BigEndian.AppendUint16(nil, code)) + reason
}

type violation struct {
	name  string
	bytes func(p *peer) []byte
	code  ws.Code
	event string
}

func violations() []violation {
	rule := func(name string, code ws.Code, f func(p *peer) []byte) violation {
		return violation{name, f, code, "protocol"}
	}
	all := []violation{
		rule("mask", 1002, flip),
		rule("reserved opcode 3", 1002, func(p *peer) []byte { return p.rawFrame(0x83, "x") }),
		rule("reserved opcode 15", 1002, func(p *peer) []byte { return p.rawFrame(0x8F, "x") }),
		rule("RSV1", 1002, func(p *peer) []byte { return p.rawFrame(0xC1, "x") }),
		rule("RSV2", 1002, func(p *peer) []byte { return p.rawFrame(0xA2, "x") }),
		rule("RSV3", 1002, func(p *peer) []byte { return p.rawFrame(0x92, "x") }),
		rule("RSV1 on a ping", 1002, func(p *peer) []byte { return p.rawFrame(0xC9, "x") }),
		rule("ping of 126", 1002, func(p *peer) []byte { return p.rawFrame(0x89, strings.Repeat("x", 126)) }),
		rule("fragmented ping", 1002, func(p *peer) []byte { return p.rawFrame(0x09, "x") }),
		rule("continuation of nothing", 1002, func(p *peer) []byte { return p.frame(ws.Continuation, "x") }),
		rule("long form of a short length", 1002, func(p *peer) []byte {
			return append([]byte{0x82, 126 | p.frame(ws.Text, "")[1], 0, 5, 1, 2, 3, 4}, "hello"...)
		}),
		rule("length with the highest bit", 1002, func(p *peer) []byte {
			return []byte{0x82, 127 | p.frame(ws.Text, "")[1], 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}
		}),
		rule("half a close code", 1002, func(p *peer) []byte { return p.frame(ws.Close, "\x03") }),
		rule("close reason not UTF-8", 1007, func(p *peer) []byte { return p.frame(ws.Close, closePayload(1000, "\xff")) }),
	}
	for _, code := range []uint16{0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535} {
		all = append(all, rule(fmt.Sprintf("close code %d", code), 1002, func(p *peer) []byte {
			return p.frame(ws.Close, closePayload(code, ""))
		}))
	}
	return append(all,
		violation{"longer than max_message", func(p *peer) []byte { return p.header(ws.Binary, 1001) }, 1009, "too_big"},
		violation{"row 15: 2^63-1", func(p *peer) []byte { return p.header(ws.Binary, 1<<63-1) }, 1009, "too_big"},
	)
}

// Nothing of what breaks a rule reaches the other side; what came before does.
func TestRow18Violations(t *testing.T) {
	for _, v := range violations() {
		for side := range 2 {
			t.Run(fmt.Sprintf("%s/%d", v.name, side), func(t *testing.T) {
				h := newHarness(t)
				c, u := h.adopt(&Options{MaxMessage: 1000})
				from, to := c, u
				if side == 1 {
					from, to = u, c
				}
				good := from.frame(ws.Text, "good")
				from.write(append(append([]byte(nil), good...), v.bytes(from)...))
				h.step()
				to.wantFrame("stood before it", ws.Text, "good")
				wantTold(t, from, v.code, "")
				told := v.code
				if side == 1 { // a client is not blamed for its upstream
					told = ws.CodeInternal
				}
				wantTold(t, to, told, string(from.side.of())+": ")
				to.sendClose(told, "")
				h.step()
				to.wantEOF("it answered")
				from.wantEOF("behind its Close frame")
				from.conn.Close()
				h.step()
				h.wantEnd(string(from.side.of())+"."+v.event, uint16(v.code))
			})
		}
	}
}

// wantTold fails unless p gets a legal Close frame with code whose reason
// begins with prefix.
func wantTold(t *testing.T, p *peer, code ws.Code, prefix string) {
	t.Helper()
	h, payload := p.next("told")
	if h.Opcode != ws.Close {
		t.Fatalf("got a %s frame at %s, want a Close frame", h.Opcode, p.side.of())
	}
	got, reason, err := ws.ParseClose(payload)
	if err != nil || got != code || !strings.HasPrefix(reason, prefix) || reason == prefix {
		t.Errorf("got close %d %q (%v) at %s, want %d %q and why", got, reason, err, p.side.of(), code, prefix)
	}
}

// A violation is found wherever it is split, and no byte of it passes before.
func TestRow18ViolationsSplit(t *testing.T) {
	for _, v := range violations() {
		h := newHarness(t)
		c, u := h.adopt(&Options{MaxMessage: 1000})
		bad := v.bytes(c)
		for i := range bad {
			if c.offer(bad[i:i+1]) == 0 {
				break // refused already
			}
			h.step()
		}
		wantTold(t, u, v.code, "client: ")
		wantTold(t, c, v.code, "")
		h.advance(closeTimeout)
		h.wantEnd("client."+v.event, uint16(v.code))
	}
}

// Bad UTF-8 within a frame: what was good has passed, so the peer gets a plain
// end and never the whole message.
func TestRow18BadTextWithinFrame(t *testing.T) {
	h := newHarness(t)
	c, u := h.adopt(&Options{})
	frame := c.frame(ws.Text, "good \xff bad")
	c.write(frame)
	h.step()
	u.take(1 << 20)
	if !bytes.HasPrefix(frame, u.got) || len(u.got) > 6+5 {
		t.Errorf("got %x at the upstream, want no more than the good part of %x", u.got, frame)
	}
	u.got = nil
	u.wantEOF("a plain end")
	wantTold(t, c, 1007, "")
	h.advance(closeTimeout)
	h.wantEnd("client.protocol", 1007)
}

func TestRow18BadTextAcrossFragments(t *testing.T) {
	h := newHarness(t)
	c, u := h.adopt(&Options{})
	first := c.fragment(ws.Text, false, "caf\xc3")
	c.write(first)
	h.step()
	u.wantNow("may still become good", first)
	c.write(c.fragment(ws.Continuation, true, ""))
	h.step()
	wantTold(t, u, 1007, "client: ")
	wantTold(t, c, 1007, "")
}

func TestRow18MessageInMessage(t *testing.T) {
	h := newHarness(t)
	c, u := h.adopt(&Options{})
	first := c.fragment(ws.Text, false, "a")
	c.write(first)
	c.send(ws.Text, "b")
	h.step()
	u.take(len(first))
	u.got = nil
	wantTold(t, u, 1002, "client: ")
	wantTold(t, c, 1002, "")
}

// RSV1 is agreed, but only for the first frame of a message (row 17).
func TestRow17Compressed(t *testing.T) {
	h := newHarness(t)
	c, u := h.adopt(&Options{Deflate: true})
	bomb := c.rawFrame(0xC1, "\xff\xff\xff") // not UTF-8, nor even deflated: it is not looked at
	c.write(bomb)
	h.step()
	u.wantNow("passes as it is", bomb)
	open := c.rawFrame(0x41, "x")
	c.write(append(open, c.rawFrame(0xC0, "y")...))
	h.step()
	u.take(len(open))
	u.got = nil
	wantTold(t, u, 1002, "client: ")
	wantTold(t, c, 1002, "")
}

func TestRow15NoAllocationForTheAbsurd(t *testing.T) {
	for _, length := range []int64{1<<63 - 1, 1<<20 + 1} {
		h := newHarness(t)
		c, u := h.adopt(&Options{MaxMessage: 1 << 20})
		var before, after runtime.MemStats
		c.write(c.header(ws.Binary, length))
		runtime.ReadMemStats(&before)
		h.step()
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 64<<10 {
			t.Errorf("got %d bytes allocated for a header of %d, want next to none", n, length)
		}
		wantTold(t, c, 1009, "")
		wantTold(t, u, 1009, "client: ")
	}
}

// Without max_message a message of 2^63-1 is legal; its header passes, and
// nothing is kept.
func TestRow15Unlimited(t *testing.T) {
	h := newHarness(t)
	c, u := h.adopt(&Options{})
	header := c.header(ws.Binary, 1<<63-1)
	c.write(header)
	h.step()
	u.wantNow("passes", header)
	h.wantOpen()
}

func TestRow15SumOfFragments(t *testing.T) {
	h := newHarness(t)
	c, u := h.adopt(&Options{MaxMessage: 1000})
	for i := range 10 {
		op := ws.Continuation
		if i == 0 {
			op = ws.Binary
		}
		b := c.fragment(op, false, strings.Repeat("x", 100))
		c.write(b)
		h.step()
		u.wantNow("within max_message", b)
	}
	c.write(c.fragment(ws.Continuation, true, "x"))
	h.step()
	wantTold(t, u, 1009, "client: ")
	wantTold(t, c, 1009, "")
}

func TestRow16FragmentBomb(t *testing.T) {
	const limit = 1000
	h := newHarness(t)
	c, u := h.adopt(&Options{MaxFragments: limit})
	one := c.fragment(ws.Continuation, false, "x")
	bomb := append(c.fragment(ws.Binary, false, "x"), bytes.Repeat(one, 100_000)...)
	before := heapSize()
	h.stuff(c, bomb)
	u.take(1 << 30)
	if want := bomb[:limit*len(one)]; !bytes.HasPrefix(u.got, want) {
		t.Fatalf("got %d bytes at the upstream, want the %d within max_fragments", len(u.got), len(want))
	}
	u.got = u.got[limit*len(one):]
	wantTold(t, u, 1008, "client: ")
	wantTold(t, c, 1008, "")
	if n := heapSize() - before; n > 1<<20 {
		t.Errorf("got %d bytes more on the heap, want it flat", n)
	}
	h.advance(closeTimeout)
	h.wantEnd("client.too_big", 1008)
}

// The offender can read why, although it goes on sending: no reset eats the
// Close frame, and what it sends is read and dropped until it ends.
func TestOffenderReadsItsClose(t *testing.T) {
	h := newHarness(t)
	c, u := h.adopt(&Options{})
	flood := append([]byte{0x81, 0x00}, bytes.Repeat([]byte("x"), 1<<20)...)
	if n := h.stuff(c, flood); n != len(flood) {
		t.Fatalf("got %d of %d bytes taken, want all read and dropped", n, len(flood))
	}
	wantTold(t, c, 1002, "")
	wantTold(t, u, 1002, "client: ")
	c.fill()
	if !errors.Is(c.end, io.EOF) {
		t.Errorf("got %v behind the Close frame, want the end of the stream", c.end)
	}
	u.sendClose(1002, "")
	h.step()
	h.wantOpen() // the offender has not closed
	c.conn.Close()
	h.step()
	h.wantEnd("client.protocol", 1002)
}

func TestOffenderThatNeverCloses(t *testing.T) {
	h := newHarness(t)
	c, _ := h.adopt(&Options{})
	c.write(flip(c))
	h.step()
	h.advance(closeTimeout)
	h.wantEnd("client.protocol", 1002)
}

// An offender in the middle of whose peer's frame usher must speak is told
// when that frame is complete.
func TestOffenderIsToldBetweenFrames(t *testing.T) {
	h := newHarness(t)
	c, u := h.adopt(&Options{})
	frame := u.frame(ws.Binary, "0123456789")
	u.write(frame[:5])
	h.step()
	c.write(flip(c))
	h.step()
	c.wantNow("in a frame", frame[:5])
	u.write(frame[5:])
	h.step()
	c.take(len(frame) - 5)
	c.got = nil
	wantTold(t, c, 1002, "")
}

// What came before a violation in the same read is counted.
func TestCountedBeforeViolation(t *testing.T) {
	h := newHarness(t)
	c, _ := h.adopt(&Options{})
	s := h.pair().session
	c.write(append(c.frame(ws.Text, "good"), flip(c)...))
	h.step()
	if got := s.FromClient.Messages.Load(); got != 1 {
		t.Errorf("got %d messages counted, want 1", got)
	}
}
