package relay

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"usher/proxy/demux"
	"usher/proxy/engineio"
	"usher/proxy/session"
	"usher/proxy/ws"
)

// pack compresses p as a client would.
func pack(t *testing.T, p string) string {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, p)
	w.Flush()
	return strings.TrimSuffix(b.String(), flushed)
}

// unpack is the opposite, by a reader that has seen nothing before.
func unpack(t *testing.T, p []byte) string {
	t.Helper()
	got, err := io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(p), strings.NewReader(flushed+final))))
	if err != nil {
		t.Fatalf("got a compressed message that does not inflate: %v", err)
	}
	return string(got)
}

func TestFlater(t *testing.T) {
	noise := make([]byte, 5000)
	rand.NewChaCha8([32]byte{1}).Read(noise)
	var f flater
	for _, p := range []string{"a", strings.Repeat("ab", 100_000), string(noise), "a"} {
		small := f.deflate([]byte("before"), []byte(p))
		if got := unpack(t, small[len("before"):]); got != p {
			t.Fatalf("got %d bytes deflated, want %d", len(got), len(p))
		}
		got, err := f.inflate([]byte("before"), small[len("before"):], int64(len(p)))
		if err != nil || string(got) != "before"+p {
			t.Errorf("got %d bytes, %v, want %d", len(got), err, len(p))
		}
	}
	// RFC 7692, 7.2.3.1 to 7.2.3.6.
	for _, tt := range []struct{ name, packed, want string }{
		{"one block", "\xf2\x48\xcd\xc9\xc9\x07\x00", "Hello"},
		{"no compression", "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", "Hello"},
		{"a final block", "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", "Hello"},
		{"two blocks", "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", "Hello"},
		{"empty", "\x00", ""},
	} {
		if got, err := f.inflate(nil, []byte(tt.packed), 5); err != nil || string(got) != tt.want {
			t.Errorf("%s: got %q, %v, want %q", tt.name, got, err, tt.want)
		}
	}
}

func TestFlaterRefuses(t *testing.T) {
	var f flater
	for _, tt := range []struct {
		name, packed string
		code         ws.Code
	}{
		{"nothing", "", ws.CodeBadPayload},
		{"no block", "\xff\xff", ws.CodeBadPayload},
		{"cut off", pack(t, "a text of some length")[:10], ws.CodeBadPayload},
		{"a reference to before its beginning", "\x02\x87\x00\x00", ws.CodeBadPayload},
		{"more behind a final block", "\xf3\x48\xcd\xc9\xc9\x07\x00\xf3\x48\xcd\xc9\xc9\x07\x00", ws.CodeBadPayload},
		{"final blocks without end", strings.Repeat("\x03\x00", 1000), ws.CodeBadPayload},
		{"one byte too long", pack(t, strings.Repeat("x", 101)), ws.CodeTooBig},
		{"a bomb", pack(t, strings.Repeat("x", 10<<20)), ws.CodeTooBig},
	} {
		f.spent = 0
		got, err := f.inflate(nil, []byte(tt.packed), 100)
		if code, _ := ws.Blame(err); err == nil || code != tt.code {
			t.Errorf("%s: got %q, %v, want code %d", tt.name, got, err, tt.code)
		}
		if f.spent > 4<<10 {
			t.Errorf("%s: got %d bytes inflated", tt.name, f.spent)
		}
	}
}

// connectDeflated is connect with a client that was told of permessage-deflate.
func (h *fanHarness) connectDeflated(window uint8) *peer {
	h.t.Helper()
	c, l := h.newPeer(client)
	l.Deflate = window
	h.fan.Socket(l, false)
	h.step()
	c.wantFrame("the open packet", ws.Text, `0{"sid":"`+h.sid+`","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`)
	return c
}

// packed returns a whole message as p would send it, compressed.
func (p *peer) packed(op ws.Opcode, payload string) []byte {
	p.t.Helper()
	b := p.frame(op, pack(p.t, payload))
	b[0] |= ws.RSV1 << 4
	return b
}

// wantPacked fails unless a compressed message arrives.
func (p *peer) wantPacked(why string, op ws.Opcode, payload string) {
	p.t.Helper()
	h, got := p.next(why)
	if h.RSV != ws.RSV1 || h.Opcode != op || !h.Fin {
		p.t.Fatalf("%s: got a frame %+v, want a compressed %s", why, h, op)
	}
	if s := unpack(p.t, got); s != payload {
		p.t.Errorf("%s: got %.80q of %d bytes, want %.80q of %d", why, s, len(s), payload, len(payload))
	}
}

// wantPlain fails unless an uncompressed message arrives.
func (p *peer) wantPlain(why string, op ws.Opcode, payload string) {
	p.t.Helper()
	h, got := p.next(why)
	if h.RSV != 0 || h.Opcode != op || string(got) != payload {
		p.t.Errorf("%s: got frame %+v of %.80q, want a plain %s of %.80q", why, h, got, op, payload)
	}
}

var long = `42["` + strings.Repeat("some text ", 200) + `"]`

func TestFanDeflates(t *testing.T) {
	h := newFanHarness(t, engineio.V4, false)
	c := h.connectDeflated(15)
	main := h.join(c, "/", 0)
	bytes := make([]byte, 2000)
	rand.NewChaCha8([32]byte{1}).Read(bytes)
	noise := string(bytes)
	group := `452-["group",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`
	huge := `42["` + strings.Repeat("x", longDeflating) + `"]`

	for _, p := range []string{`42["short"]`, long, long, group} {
		main.send(ws.Text, p)
	}
	main.send(ws.Binary, long)
	main.send(ws.Binary, noise)
	main.write(main.fragment(ws.Text, false, long[:700]))
	main.write(main.fragment(ws.Continuation, true, long[700:]))
	main.send(ws.Text, `42["last"]`)
	h.step()
	c.wantPlain("a short message", ws.Text, `42["short"]`)
	c.wantPacked("a long one", ws.Text, long)
	c.wantPacked("one that stands alone", ws.Text, long)
	c.wantPlain("a short header of a group", ws.Text, group)
	c.wantPacked("its long attachment", ws.Binary, long)
	c.wantPlain("one that does not become smaller", ws.Binary, noise)
	c.wantPacked("one of two fragments", ws.Text, long)
	c.wantPlain("a short one at last", ws.Text, `42["last"]`)

	h.carry("one that would take long", main, c, main.frame(ws.Text, huge))
	c.send(ws.Text, long)
	h.step()
	main.wantPlain("a client need not compress", ws.Text, long)
	h.wantOpen()
}

func TestFanDeflatesWhatFits(t *testing.T) {
	h := newFanHarness(t, engineio.V4, false)
	c := h.connectDeflated(11)
	main := h.join(c, "/", 0)
	for _, tt := range []struct {
		size   int
		packed bool
	}{{worthDeflating - 1, false}, {worthDeflating, true}, {2 << 10, true}, {2<<10 + 1, false}} {
		p := `42["` + strings.Repeat("x", tt.size-6) + `"]`
		main.send(ws.Text, p)
		h.step()
		if tt.packed {
			c.wantPacked(fmt.Sprint(tt.size), ws.Text, p)
		} else {
			c.wantPlain(fmt.Sprint(tt.size), ws.Text, p)
		}
	}
}

func TestFanInflates(t *testing.T) {
	h := newFanHarness(t, engineio.V4, false)
	c := h.connectDeflated(15)
	main := h.join(c, "/", 0)
	admin := h.join(c, "/admin", 1)
	binary := "\xff\xfe" + long

	c.write(slices.Concat(
		c.packed(ws.Text, `42["packed"]`), c.frame(ws.Text, `42["plain"]`), c.packed(ws.Text, `42/admin,["packed"]`), c.packed(ws.Text, long),
		c.packed(ws.Text, `451-["group",{"_placeholder":true,"num":0}]`), c.packed(ws.Binary, binary), c.packed(ws.Text, `42["ä"]`),
	))
	h.step()
	for _, p := range []string{`42["packed"]`, `42["plain"]`, long, `451-["group",{"_placeholder":true,"num":0}]`} {
		main.wantPlain("what was sent", ws.Text, p)
	}
	main.wantPlain("the attachment", ws.Binary, binary)
	main.wantPlain("behind it", ws.Text, `42["ä"]`)
	admin.wantPlain("of another namespace", ws.Text, `42/admin,["packed"]`)

	frame := c.packed(ws.Text, long)
	for at := 1; at < len(frame); at += 3 {
		c.write(frame[:at])
		h.step()
		main.wantIdle("the message is not whole")
		c.write(frame[at:])
		h.step()
		main.wantPlain("the message is whole", ws.Text, long)
	}
	small := pack(t, long)
	first := c.fragment(ws.Text, false, small[:7])
	first[0] |= ws.RSV1 << 4
	c.write(slices.Concat(first, c.frame(ws.Ping, "in between"), c.fragment(ws.Continuation, true, small[7:])))
	h.step()
	c.wantPlain("a ping is answered", ws.Pong, "in between")
	main.wantPlain("the fragments are one", ws.Text, long)
	h.wantOpen()
}

func TestFanRefusesDeflated(t *testing.T) {
	for _, tt := range []struct {
		name   string
		window uint8
		frame  func(c *peer) []byte
		code   ws.Code
	}{
		{"not agreed", 0, func(c *peer) []byte { return c.packed(ws.Text, long) }, ws.CodeProtocolError},
		{"not UTF-8", 15, func(c *peer) []byte { return c.packed(ws.Text, "42[\"\xff\"]") }, ws.CodeBadPayload},
		{"malformed", 15, func(c *peer) []byte {
			b := c.frame(ws.Text, "\xff\xff\xff")
			b[0] |= ws.RSV1 << 4
			return b
		}, ws.CodeBadPayload},
		{"on a continuation", 15, func(c *peer) []byte {
			b := c.fragment(ws.Continuation, true, pack(t, "x"))
			b[0] |= ws.RSV1 << 4
			return slices.Concat(c.fragment(ws.Text, false, "42"), b)
		}, ws.CodeProtocolError},
		{"on a ping", 15, func(c *peer) []byte {
			b := c.frame(ws.Ping, pack(t, "x"))
			b[0] |= ws.RSV1 << 4
			return b
		}, ws.CodeProtocolError},
		{"a bomb", 15, func(c *peer) []byte { return c.packed(ws.Text, strings.Repeat("4", 8<<20)) }, ws.CodeTooBig},
		{"a bomb in fragments", 15, func(c *peer) []byte {
			small := pack(t, strings.Repeat("4", 8<<20))
			b := c.fragment(ws.Binary, false, small[:1000])
			b[0] |= ws.RSV1 << 4
			return slices.Concat(b, c.fragment(ws.Continuation, true, small[1000:]))
		}, ws.CodeTooBig},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newFanHarness(t, engineio.V4, false)
			c := h.connectDeflated(tt.window)
			main := h.join(c, "/", 0)
			frame := tt.frame(c)
			most := 0
			for len(frame) > 0 { // step by step: what it costs is asked below
				n := min(len(frame), 16<<10)
				if c.offer(frame[:n]) < n {
					break
				}
				frame = frame[n:]
				h.step()
				most = max(most, h.loop.flater.spent)
			}
			c.answerClose("it broke a rule", tt.code)
			main.answerClose("its client is gone", ws.CodeGoingAway)
			h.step()
			if most > 2_100_000 {
				t.Errorf("got %d bytes inflated of one message, want hardly more than 1000000", most)
			}
		})
	}
}

// Many messages that are small on the wire and large behind it wait until their
// leg takes them.
func TestFanInflatesWithinRoom(t *testing.T) {
	h := newFanHarness(t, engineio.V4, false)
	c := h.connectDeflated(15)
	main := h.join(c, "/", 0)
	const count, size = 24, 300_000
	var all []byte
	for i := range count {
		p := fmt.Sprintf(`42["%d%s"]`, i, strings.Repeat("x", size))
		all = append(all, c.packed(ws.Text, p)...)
	}
	all = append(all, c.frame(ws.Close, string(ws.AppendClose(nil, ws.CodeNormal, "")))...)
	if len(all) > bufferSize {
		t.Fatalf("got %d bytes, want what is read at once", len(all))
	}
	c.write(all)
	c.conn.Close()
	most := 0
	for range 200 {
		h.move()
		for _, s := range h.fan.fan.strands {
			most = max(most, s.waits())
		}
	}
	if most < size || most > 2<<20 {
		t.Errorf("got %d bytes that wait for the leg, want some, and not much more than leg_queue", most)
	}
	for i := range count {
		p := fmt.Sprintf(`42["%d%s"]`, i, strings.Repeat("x", size))
		for tries := 0; len(main.got) < len(p)+ws.MaxHeader && tries < 100; tries++ {
			h.move()
			main.take(2 << 20)
		}
		main.wantPlain("each message in its turn", ws.Text, p)
	}
	h.step()
	main.answerClose("and the end", ws.CodeGoingAway)
	h.step()
	h.wantFanEnd("client.closed", 1000, "/")
}

// What comes while more waits to be looked at, as by TLS it may, stands behind
// that, and so does the end.
func TestFanPaused(t *testing.T) {
	h := newFanHarness(t, engineio.V4, false)
	c := h.connectDeflated(15)
	main := h.join(c, "/", 0)
	event := func(i int) string { return fmt.Sprintf(`42["%d%s"]`, i, strings.Repeat("x", inflating)) }
	c.write(slices.Concat(c.packed(ws.Text, event(0)), c.packed(ws.Text, event(1)), c.packed(ws.Text, event(2))))
	h.turn()
	s := h.fan.fan.client
	if s.rest == nil {
		t.Fatal("got all of it looked at in one turn")
	}
	behind := slices.Concat(c.packed(ws.Text, `42["3"]`), c.frame(ws.Text, `42["4"]`), c.packed(ws.Text, event(5)), c.frame(ws.Text, `42["6"]`))
	for part := range slices.Chunk(behind, len(behind)/3) {
		s.take(h.loop, &s.line, part, len(part))
	}
	s.set(finished)
	s.lost(h.loop, &s.line, io.EOF)
	for _, want := range []string{event(0), event(1), event(2), `42["3"]`, `42["4"]`, event(5), `42["6"]`} {
		for tries := 0; len(main.got) < len(want)+ws.MaxHeader && tries < 20; tries++ {
			h.move()
			main.take(1 << 20)
		}
		main.wantPlain("in its turn", ws.Text, want)
	}
	main.answerClose("the client has gone behind it", ws.CodeGoingAway)
	h.step()
	h.wantFanEnd("client.lost", 1001, "/")
}

// What inflates to more than the client may send is counted as sent.
func TestFanInflatedRate(t *testing.T) {
	h := newFanHarnessOf(t, engineio.V4, false, &FanOptions{
		Demux:    demux.NewConfig(chatty),
		Client:   &Options{MaxMessage: 1_000_000, ClientRate: session.MaxRate{Bytes: 10_000}},
		Upstream: &Options{},
	})
	c := h.connectDeflated(15)
	main := h.join(c, "/", 0)
	c.write(c.packed(ws.Text, strings.Repeat("4", 500_000)))
	h.step()
	c.answerClose("the rate is over", ws.CodePolicy)
	main.answerClose("its client is gone", ws.CodeGoingAway)
	h.step()
	h.wantFanEnd("client.rate", 1008, "/")
}

// A session that has compressed and is idle keeps nothing for it.
func TestFanDeflateMemory(t *testing.T) {
	h := newFanHarness(t, engineio.V4, false)
	c := h.connectDeflated(15)
	main := h.join(c, "/", 0)
	c.write(c.packed(ws.Text, long))
	main.send(ws.Text, long)
	h.step()
	for _, s := range h.fan.fan.strands {
		if s.out != nil || s.parts != nil || s.rest != nil || s.held != nil || s.backlog != nil {
			t.Errorf("got a strand of the %s that keeps a buffer", s.side.of())
		}
	}
	if f := &h.loop.flater; f.sink.bytes != nil || f.source.message != nil {
		t.Error("got a flater that keeps a message")
	}
}
