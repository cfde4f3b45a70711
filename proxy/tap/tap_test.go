package tap

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"usher/proxy/session"
	"usher/proxy/ws"
)

func newTestSession(id, route string) *session.Session {
	return session.NewRegistry(func(*session.Session, session.End) {}).Open(session.Info{ID: id, Route: route})
}

func mustOpen(t *testing.T, h *Hub, o Options) *Tap {
	t.Helper()
	tp, err := h.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return tp
}

// taken returns what waits in a tap, as text.
func taken(tp *Tap) (list []string) {
	tp.Take(ringSize, func(f *Frame, payload []byte, missed uint64) {
		if missed > 0 {
			list = append(list, fmt.Sprintf("missed %d", missed))
		}
		flags := ""
		if !f.Fin {
			flags += " more"
		}
		if f.Compressed {
			flags += " compressed"
		}
		list = append(list, fmt.Sprintf("%s %s%s %d %q", f.Session.ID, f.Opcode, flags, f.Size, payload))
	})
	return list
}

func wantTaken(t *testing.T, why string, tp *Tap, want ...string) {
	t.Helper()
	if got := taken(tp); !slices.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", why, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestHub(t *testing.T) {
	var h Hub
	if h.Taps() != nil || h.Taps().Take(newTestSession("x", "/")) {
		t.Error("without taps: got some")
	}
	var list []*Tap
	for range MaxTaps {
		list = append(list, mustOpen(t, &h, Options{}))
	}
	if _, err := h.Open(Options{}); !errors.Is(err, ErrTooMany) {
		t.Errorf("one too many: got %v, want %v", err, ErrTooMany)
	}
	list[1].Close()
	list[1].Close()
	mustOpen(t, &h, Options{}).Close()
	for _, tp := range list {
		tp.Close()
	}
	if h.Taps() != nil {
		t.Error("all closed: got taps")
	}
}

func TestFilter(t *testing.T) {
	var h Hub
	all, route, one := mustOpen(t, &h, Options{Bytes: 3}), mustOpen(t, &h, Options{Route: "/a", Bytes: 100}), mustOpen(t, &h, Options{Route: "/a", Session: "2"})
	for i, r := range []string{"/a", "/a", "/b"} {
		h.Taps().Show(Frame{Session: newTestSession(fmt.Sprint(i+1), r), Opcode: ws.Text, Fin: true, Size: 5}, []byte("hello"))
	}
	wantTaken(t, "all", all, `1 text 5 "hel"`, `2 text 5 "hel"`, `3 text 5 "hel"`)
	wantTaken(t, "a route", route, `1 text 5 "hello"`, `2 text 5 "hello"`)
	wantTaken(t, "a session", one, `2 text 5 ""`)
}

// TestMissed fills the ring, and wants what came after it counted, at the place
// where it is missing.
func TestMissed(t *testing.T) {
	var h Hub
	tp, s := mustOpen(t, &h, Options{}), newTestSession("1", "/")
	show := func(n int) {
		for range n {
			h.Taps().Show(Frame{Session: s, Opcode: ws.Text, Fin: true}, nil)
		}
	}
	show(ringSize + 120)
	if n := tp.Take(10, func(_ *Frame, _ []byte, missed uint64) {
		if missed != 0 {
			t.Errorf("before the gap: got %d missed", missed)
		}
	}); n != 10 {
		t.Errorf("got %d frames, want 10", n)
	}
	show(1)
	list := taken(tp)
	if len(list) != ringSize-10+2 || list[len(list)-2] != "missed 120" {
		t.Errorf("got %d lines, the last %v; want 120 missed before the last frame", len(list), list[max(0, len(list)-2):])
	}
	show(ringSize + 7)
	taken(tp)
	if n := tp.Missed(); n != 7 {
		t.Errorf("at the end: got %d missed, want 7", n)
	}
	if n := tp.Missed(); n != 0 {
		t.Errorf("told twice: got %d missed", n)
	}
}

// TestManyWriters wants every frame shown or counted, and what is shown whole.
func TestManyWriters(t *testing.T) {
	var h Hub
	tp := mustOpen(t, &h, Options{Bytes: 64})
	const writers, each = 4, 20000
	var writing sync.WaitGroup
	for w := range writers {
		s := newTestSession(fmt.Sprint(w), "/")
		writing.Go(func() {
			payload := []byte(strings.Repeat(fmt.Sprint(w), 64))
			for i := range each {
				h.Taps().Show(Frame{Session: s, Opcode: ws.Text, Fin: true, Time: int64(i), Size: 64}, payload)
			}
		})
	}
	done := make(chan struct{})
	go func() { writing.Wait(); close(done) }()
	seen, missed, last := uint64(0), uint64(0), map[string]int64{}
	see := func(f *Frame, payload []byte, n uint64) {
		seen++
		missed += n
		if want := strings.Repeat(f.Session.ID, 64); string(payload) != want {
			t.Errorf("payload: got %q, want %q", payload, want)
		}
		if before, ok := last[f.Session.ID]; ok && before >= f.Time {
			t.Errorf("order: got frame %d behind %d", f.Time, before)
		}
		last[f.Session.ID] = f.Time
	}
	for over := false; !over; {
		select {
		case <-done:
			over = true
		default:
		}
		tp.Take(ringSize, see)
	}
	missed += tp.Missed()
	if seen+missed != writers*each {
		t.Errorf("got %d shown and %d missed, want %d together", seen, missed, writers*each)
	}
}

// frames are the frames of a client, and what a tap of 8 bytes shows of them.
func frames() (wire []byte, want []string) {
	key := [4]byte{1, 2, 3, 4}
	add := func(h ws.Header, payload string) {
		h.Masked, h.Key, h.Length = true, key, int64(len(payload))
		wire = ws.AppendHeader(wire, h)
		at := len(wire)
		wire = append(wire, payload...)
		ws.Mask(wire[at:], key, 0)
	}
	add(ws.Header{Fin: true, Opcode: ws.Text}, "hello")
	add(ws.Header{Fin: true, Opcode: ws.Binary}, strings.Repeat("0123456789", 30))
	add(ws.Header{Opcode: ws.Text}, "first")
	add(ws.Header{Fin: true, Opcode: ws.Ping}, "ping")
	add(ws.Header{Opcode: ws.Continuation}, "second")
	add(ws.Header{Fin: true, Opcode: ws.Continuation}, "")
	add(ws.Header{Fin: true, Opcode: ws.Text, RSV: ws.RSV1}, "deflated")
	add(ws.Header{Fin: true, Opcode: ws.Text}, "")
	add(ws.Header{Fin: true, Opcode: ws.Pong}, "")
	add(ws.Header{Fin: true, Opcode: ws.Close}, "\x03\xe8bye")
	wire = append(wire, "\xffnothing"...)
	return wire, []string{
		`1 text 5 "hello"`, `1 binary 300 "01234567"`, `1 text more 5 "first"`, `1 ping 4 "ping"`,
		`1 continuation more 6 ""`, `1 continuation 0 ""`, `1 text compressed 8 ""`, `1 text 0 ""`,
		`1 pong 0 ""`, `1 close 5 "\x03\xe8bye"`,
	}
}

// TestStream splits the same frames everywhere, as a relay does: what is no
// whole header or control frame comes again with what follows.
func TestStream(t *testing.T) {
	wire, want := frames()
	rules := ws.Rules{FromClient: true, Deflate: true}
	for size := range 40 {
		var h Hub
		tp, s := mustOpen(t, &h, Options{Bytes: 8}), newTestSession("1", "/")
		var st Stream
		var check ws.Checker
		var held []byte
		for rest := wire; len(rest) > 0; {
			n := min(len(rest), size+1)
			if size == 0 {
				n = min(len(rest), 1+rand.IntN(20))
			}
			p := append(held, rest[:n]...)
			rest, held = rest[n:], nil
			st.See(h.Taps(), Frame{Session: s}, p, check.Remaining())
			over := false
			for at := 0; at < len(p) && !over; {
				k, kind, err := check.Next(&rules, p[at:])
				if err != nil {
					t.Fatal(err)
				}
				if at += k; kind == ws.Short {
					held = slices.Clone(p[at:])
					break
				} else if kind == ws.Control {
					var scratch [ws.MaxControlPayload]byte
					f := check.Control(p[at:], &scratch)
					at += f.Size
					over = f.Header.Opcode == ws.Close
				}
			}
			if over {
				break
			}
		}
		wantTaken(t, fmt.Sprintf("split by %d", size+1), tp, want...)
	}
}

// TestStreamBegins opens a tap in the middle of a frame.
func TestStreamBegins(t *testing.T) {
	var h Hub
	tp, s := mustOpen(t, &h, Options{Bytes: 8}), newTestSession("1", "/")
	var st Stream
	st.See(h.Taps(), Frame{Session: s}, []byte("rest\x81\x02hi\x82\x7e\x01\x00abc"), 4)
	if !st.Waits() {
		t.Error("got nothing to wait for, want the rest of 8 bytes")
	}
	wantTaken(t, "before its end", tp, `1 text 2 "hi"`)
	st.End(h.Taps())
	st.End(h.Taps())
	wantTaken(t, "at its end", tp, `1 binary 256 "abc"`)
}

func TestShow(t *testing.T) {
	for _, tt := range []struct {
		opcode  ws.Opcode
		size    int64
		payload string
		want    Shown
	}{
		{ws.Text, 5, "hello", Shown{Text: "hello"}},
		{ws.Text, 6, "hello", Shown{Text: "hello", Cut: true}},
		{ws.Text, 12, "h\xc3\xa9llo \xe2\x82", Shown{Text: "héllo ", Cut: true}},
		{ws.Text, 15, `{"token":"abc"}`, Shown{Text: `{"token":"***"}`}},
		{ws.Binary, 3, "\x00ab", Shown{Bytes: []byte("\x00ab")}},
		{ws.Binary, 10, "\x81\xa5token\xa1a", Shown{Bytes: []byte("\x81\xa5"), Cut: true}},
		{ws.Ping, 2, "\xff\xfe", Shown{Bytes: []byte("\xff\xfe")}},
		{ws.Ping, 2, "hi", Shown{Text: "hi"}},
		{ws.Close, 2, "\x03\xe8", Shown{Code: 1000}},
		{ws.Close, 13, "\x03\xf0token=abc", Shown{Code: 1008, Text: "token=***", Cut: true}},
		{ws.Close, 0, "", Shown{}},
		{ws.Continuation, 5, "", Shown{Cut: true}},
	} {
		got := Show(&Frame{Opcode: tt.opcode, Size: tt.size}, []byte(tt.payload))
		if got.Code != tt.want.Code || got.Text != tt.want.Text || string(got.Bytes) != string(tt.want.Bytes) || got.Cut != tt.want.Cut {
			t.Errorf("%s %q: got %+v, want %+v", tt.opcode, tt.payload, got, tt.want)
		}
	}
}

// TestAllocations wants frames to cost no garbage.
func TestAllocations(t *testing.T) {
	var h Hub
	mustOpen(t, &h, Options{Bytes: 64})
	s, wire := newTestSession("1", "/"), []byte("\x81\x05hello\x81\x05hello")
	var st Stream
	if n := testing.AllocsPerRun(1000, func() { st.See(h.Taps(), Frame{Session: s}, wire, 0) }); n > 0 {
		t.Errorf("got %v allocations for two frames, want none", n)
	}
}
