package relay

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"usher/proxy/tls13"
	"usher/proxy/ws"
)

// newTestGuard is of a session that nobody is the peer of.
func newTestGuard(t *testing.T) *guard {
	t.Helper()
	var st tls13.State
	const secret = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	text := fmt.Sprintf(`{"suite": %d, "in": {"secret": %q, "number": "0"}, "out": {"secret": %q, "number": "0"}}`, tls.TLS_AES_128_GCM_SHA256, secret, secret)
	if err := json.Unmarshal([]byte(text), &st); err != nil {
		t.Fatal(err)
	}
	s, err := tls13.Restore(st)
	if err != nil {
		t.Fatal(err)
	}
	return newGuard(s)
}

// So many lines have ciphers as are allowed, those that were used last among
// them; a line that has gone makes room.
func TestWarmth(t *testing.T) {
	var w warmth
	use := func(g *guard) {
		w.use(g)
		if _, err := g.own.Seal(nil, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	busy := []*guard{newTestGuard(t), newTestGuard(t)}
	var all []*guard
	for range 3 * maxWarm {
		g := newTestGuard(t)
		all = append(all, g)
		use(g)
		for _, b := range busy {
			use(b)
		}
	}
	warm := 0
	for _, g := range append(all, busy...) {
		if g.own.Warm() {
			warm++
		}
		if g.own.Warm() != (g.place > 0) {
			t.Fatalf("got a line in place %d that is warm: %t", g.place, g.own.Warm())
		}
	}
	if warm != maxWarm || len(w.lines) != maxWarm {
		t.Errorf("got %d lines warm, and %d kept, want %d", warm, len(w.lines), maxWarm)
	}
	for _, g := range append(busy, all[len(all)-1]) {
		if !g.own.Warm() {
			t.Error("got a line without ciphers that is in use")
		}
	}
	w.forget(&line{tls: busy[0]})
	w.forget(&line{tls: busy[0]})
	w.forget(&line{})
	if busy[0].place != 0 {
		t.Error("got a line kept that has gone")
	}
	use(newTestGuard(t))
}

// All of a line's TLS is data: it goes on where that is restored, wherever a
// record is cut, and where it was nothing is written any more.
func TestRecordsAreData(t *testing.T) {
	h := newHarness(t)
	c, cl, under := h.newTappedPeer(client, ownRecords)
	u, ul := h.newPeer(upstream)
	h.adoptLegs(&Options{}, cl, ul)
	l := &h.pair().legs[client].line
	for i := range 60 {
		frame := c.frame(ws.Text, "hello")
		record := under.sealed(func() { c.write(frame) })
		c.raw.Write(record[:i%len(record)])
		h.step()
		old := l.records()
		st, err := old.State()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := old.Seal(nil, []byte("x")); !errors.Is(err, tls13.ErrHandedOn) {
			t.Errorf("got %v of a session that was handed on, want %v", err, tls13.ErrHandedOn)
		}
		next, err := tls13.Restore(st)
		if err != nil {
			t.Fatal(err)
		}
		h.loop.warmth.forget(l)
		l.tls = newGuard(next)
		c.raw.Write(record[i%len(record):])
		h.step()
		u.wantNow(fmt.Sprint("cut at ", i), frame)
		h.carry("back", u, c, u.frame(ws.Text, "you"))
	}
	h.wantOpen()
}
