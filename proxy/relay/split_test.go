package relay

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"usher/proxy/ws"
)

// A header passes when it is complete, not before, wherever it was split.
func TestEverySplitOfEveryHeader(t *testing.T) {
	h := newHarness(t)
	c, u := h.adopt(&Options{})
	for _, d := range dirs(c, u) {
		for _, length := range []int{0, 1, 125, 126, 0xFFFF, 0x10000} {
			frame := d.from.frame(ws.Text, strings.Repeat("x", length))
			size := len(frame) - length
			for k := 1; k < size; k++ {
				why := fmt.Sprintf("%s header of %d bytes split behind %d", d.from.side.of(), size, k)
				d.from.write(frame[:k])
				h.step()
				d.to.wantNow(why, nil)
				d.from.write(frame[k:size])
				h.step()
				if length == 0 {
					d.to.wantNow(why, frame)
					continue
				}
				d.to.wantNow(why, frame[:size])
				h.carry(why, d.from, d.to, frame[size:])
			}
		}
	}
	h.wantOpen()
}

// A control frame passes when it is complete, not before, and alone.
func TestEverySplitOfControlFrames(t *testing.T) {
	h := newHarness(t)
	c, u := h.adopt(&Options{})
	for _, d := range dirs(c, u) {
		for _, op := range []ws.Opcode{ws.Ping, ws.Pong} {
			for _, length := range []int{0, 3, 125} {
				frame := d.from.frame(op, strings.Repeat("p", length))
				for k := 1; k < len(frame); k++ {
					why := fmt.Sprintf("%s %s of %d bytes split behind %d", d.from.side.of(), op, len(frame), k)
					d.from.write(frame[:k])
					h.step()
					d.to.wantNow(why, nil)
					d.from.write(frame[k:])
					h.step()
					d.to.wantNow(why, frame)
				}
			}
		}
	}
	h.wantOpen()
}

func TestEverySplitOfClose(t *testing.T) {
	for k := 1; k < len((&peer{side: client}).frame(ws.Close, "\x0f\xa1bye")); k++ {
		h := newHarness(t)
		c, u := h.adopt(&Options{})
		frame := c.frame(ws.Close, "\x0f\xa1bye")
		c.write(frame[:k])
		h.step()
		u.wantNow("not complete", nil)
		c.write(frame[k:])
		h.step()
		u.wantClose("complete", 4001, "bye")
		u.sendClose(4001, "")
		h.step()
		h.wantEnd("client.closed", 4001)
	}
}

// mixed is a stream of everything: fragments with control frames between them,
// empty frames, two messages.
func mixed(p *peer) []byte {
	return bytes.Join([][]byte{
		p.fragment(ws.Text, false, "caf\xc3"),
		p.frame(ws.Ping, "one"),
		p.fragment(ws.Continuation, false, ""),
		p.frame(ws.Pong, "two"),
		p.frame(ws.Ping, ""),
		p.fragment(ws.Continuation, true, "\xa9"),
		p.frame(ws.Binary, strings.Repeat("\xff", 130)),
		p.frame(ws.Text, ""),
		p.frame(ws.Pong, strings.Repeat("p", 125)),
		p.frame(ws.Text, "end"),
	}, nil)
}

func TestSeveralFramesInOneRead(t *testing.T) {
	h := newHarness(t)
	c, u := h.adopt(&Options{})
	for _, d := range dirs(c, u) {
		d.from.write(mixed(d.from))
		h.turn()
		d.to.wantNow("in one turn", mixed(d.from))
	}
	s := h.pair().session
	if got := s.FromClient.Messages.Load(); got != 4 {
		t.Errorf("got %d messages of the client, want 4", got)
	}
	if got, want := s.FromClient.Bytes.Load(), uint64(len(mixed(c))); got != want {
		t.Errorf("got %d bytes of the client, want %d", got, want)
	}
	if got, want := s.FromUpstream.Bytes.Load(), uint64(len(mixed(u))); got != want {
		t.Errorf("got %d bytes of the upstream, want %d", got, want)
	}
}

func TestByteByByte(t *testing.T) {
	h := newHarness(t)
	c, u := h.adopt(&Options{})
	for _, d := range dirs(c, u) {
		stream := mixed(d.from)
		for i := range stream {
			d.from.write(stream[i : i+1])
			h.step()
			d.to.take(1 << 20)
			if !bytes.HasPrefix(stream[:i+1], d.to.got) {
				t.Fatalf("got %x at %s behind byte %d, want a prefix of what was sent", d.to.got, d.to.side.of(), i)
			}
		}
		d.to.wantNow("all of it", stream)
	}
	h.wantOpen()
}

// TestTwoSplits cuts a stream at any two places.
func TestTwoSplits(t *testing.T) {
	h := newHarness(t)
	c, u := h.adopt(&Options{})
	for _, d := range dirs(c, u) {
		stream := d.from.frame(ws.Ping, "p")
		stream = append(stream, d.from.fragment(ws.Binary, false, "ab")...)
		stream = append(stream, d.from.frame(ws.Pong, "")...)
		stream = append(stream, d.from.fragment(ws.Continuation, true, strings.Repeat("x", 126))...)
		last := len(stream) - 126 + 2
		for i := 1; i < last; i++ {
			for j := i; j < last; j += 3 {
				for _, part := range [][]byte{stream[:i], stream[i:j], stream[j:]} {
					d.from.write(part)
					h.turn()
				}
				d.to.wantNow(fmt.Sprintf("split behind %d and %d", i, j), stream)
			}
		}
	}
}
