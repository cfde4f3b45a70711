package relay

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"testing"

	"usher/proxy/tap"
	"usher/proxy/ws"
)

// tapped returns what a tap was shown, as text.
func tapped(tp *tap.Tap) (list []string) {
	tp.Take(1000, func(f *tap.Frame, payload []byte, _ uint64) {
		list = append(list, fmt.Sprintf("%s>%s %s %d %q", f.From, f.To, f.Opcode, f.Size, payload))
	})
	return list
}

func (h *harness) wantTapped(why string, tp *tap.Tap, want ...string) {
	h.t.Helper()
	if got := tapped(tp); !slices.Equal(got, want) {
		h.t.Errorf("%s: got\n%s\nwant\n%s", why, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func (h *harness) mustTap(bytes int) *tap.Tap {
	h.t.Helper()
	tp, err := h.loop.tapping.hub.Open(tap.Options{Bytes: bytes})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(tp.Close)
	return tp
}

// TestTapped wants the frames of either side shown, with TLS or not, whole or
// byte by byte, and the same bytes passed.
func TestTapped(t *testing.T) {
	for _, secure := range []uint16{0, tls.VersionTLS13, ownRecords} {
		h := newHarness(t)
		c, cl := h.newPeer(client)
		if secure != 0 {
			c, cl = h.newTLSPeer(client, secure)
		}
		u, ul := h.newPeer(upstream)
		h.adoptLegs(&Options{}, cl, ul)
		tp := h.mustTap(4)
		h.carry("from the client", c, u, c.frame(ws.Text, "hello"))
		h.carry("from the upstream", u, c, u.frame(ws.Text, "you"))
		for _, b := range c.frame(ws.Ping, "byte by byte") {
			c.write([]byte{b})
			h.step()
		}
		for _, b := range u.frame(ws.Binary, "\x00\x01\x02\x03\x04\x05") {
			u.write([]byte{b})
			h.step()
		}
		h.wantTapped(fmt.Sprintf("TLS %t", secure != 0), tp,
			`client>upstream text 5 "hell"`, `upstream>client text 3 "you"`,
			`client>upstream ping 12 "byte"`, `upstream>client binary 6 "\x00\x01\x02\x03"`)
	}
}

// TestTappedSplice wants the beginning of a payload that moves inside the
// kernel, also if it came late.
func TestTappedSplice(t *testing.T) {
	h := newHarness(t)
	c, u := h.adopt(&Options{})
	tp := h.mustTap(4)
	message := c.frame(ws.Binary, strings.Repeat("0123456789abcdef", spliceTested/16))
	for _, at := range []int{1, 14, 16} { // in its header, behind it, in the beginning
		c.write(message[:at])
		h.step()
		c.write(message[at:20])
		h.step()
		u.take(1 << 30)
		u.got = nil
		h.carry("the rest", c, u, message[20:])
		u.got = nil
		h.wantTapped(fmt.Sprintf("split at %d", at), tp, fmt.Sprintf(`client>upstream binary %d "0123"`, spliceTested))
	}
	if st := h.loop.tapping.streams[&h.pair().legs[client].line]; st == nil || st.Waits() {
		t.Errorf("got stream %v, want one that waits for nothing", st)
	}
}

const spliceTested = 512 << 10

// TestTappedEnd wants usher's own frames shown, and nothing kept of lines that
// are closed or of taps that are.
func TestTappedEnd(t *testing.T) {
	h := newHarness(t)
	c, u := h.adopt(&Options{MaxMessage: 10})
	tp := h.mustTap(100)
	c.write(c.frame(ws.Text, "longer than ten"))
	h.step()
	h.wantTapped("too long", tp, `client>upstream text 15 "longer than ten"`,
		`usher>client close 33 "\x03\xf1message is longer than 10 bytes"`,
		`usher>upstream close 41 "\x03\xf1client: message is longer than 10 bytes"`)
	c.conn.Close()
	u.conn.Close()
	h.step()
	if n := len(h.loop.tapping.streams); n != 0 {
		t.Errorf("got %d streams of closed lines, want none", n)
	}
	c, u = h.adopt(&Options{})
	h.carry("another", c, u, c.frame(ws.Text, "hello"))
	if n := len(h.loop.tapping.streams); n != 1 {
		t.Errorf("got %d streams, want 1", n)
	}
	tp.Close()
	h.carry("when it is closed", c, u, c.frame(ws.Text, "hello"))
	if h.loop.tapping.streams != nil || h.loop.tapping.taps != nil {
		t.Errorf("got %+v, want nothing of a tap that is closed", h.loop.tapping)
	}
}
