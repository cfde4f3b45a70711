//go:build linux && !portable

package relay

import (
	"bytes"
	"encoding/json"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"usher/proxy/session"
	"usher/proxy/ws"
)

// handOn has all that can move go through what another process reads, back to
// this loop, and returns how many sessions that were.
func (h *harness) handOn() int {
	h.t.Helper()
	h.loop.now = h.now
	parcels := h.loop.pack(1<<20, true)
	for _, parcel := range parcels {
		var st PairState
		reread(h.t, parcel.Pair, &st)
		p, err := st.pair(&st.Options, duplicates(h.t, parcel.Descriptors))
		if err != nil {
			h.t.Fatalf("%+v: %v", st, err)
		}
		old := parcel.away.(*pair)
		p.session, p.release, old.release = old.session, old.release, func() {}
		old.handed(h.loop)
		h.loop.away--
		h.loop.readmit(p, &st)
	}
	return len(parcels)
}

// reread is what another process makes of what this one writes.
func reread(t testing.TB, from, to any) {
	t.Helper()
	text, err := json.Marshal(from)
	if err == nil {
		err = json.Unmarshal(text, to)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// duplicates are descriptors as another process gets them.
func duplicates(t testing.TB, of []int) (list []int) {
	t.Helper()
	for _, fd := range of {
		fd, err := syscall.Dup(fd)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, fd)
	}
	return list
}

// wantMoved moves the one session that there is, or has it put aside and taken
// back.
func (h *harness) wantMoved(taken bool) {
	h.t.Helper()
	if !taken {
		h.loop.now = h.now
		parcels := h.loop.pack(2, true)
		if len(parcels) != 1 {
			h.t.Fatalf("got %d parcels, want 1", len(parcels))
		}
		h.turn() // whatever else happens
		h.loop.unpacked(parcels, false)
		return
	}
	if n := h.handOn(); n != 1 {
		h.t.Fatalf("got %d sessions moved, want 1", n)
	}
}

// However a stream is cut, what arrives is what was sent, also if its session
// moves wherever it is cut.
func TestParcelAtEveryByte(t *testing.T) {
	for _, taken := range []bool{true, false} {
		h := newHarness(t)
		c, u := h.adopt(&Options{ClientRate: session.MaxRate{Messages: 1000}, IdleTimeout: time.Minute})
		for _, d := range dirs(c, u) {
			for i, b := range mixed(d.from) {
				d.from.write([]byte{b})
				if i%2 == 0 { // else it comes while the session is away
					h.step()
				}
				h.wantMoved(taken)
				h.step()
			}
			d.to.wantNow("a byte at a time", mixed(d.from))
		}
		s := h.pair().session
		if in, out := s.FromClient.Messages.Load(), s.FromUpstream.Messages.Load(); in != 4 || out != 4 {
			t.Errorf("got %d messages in and %d out, want 4 each", in, out)
		}
		c.send(ws.Text, "caf\xc3")
		h.step()
		c.wantClose("a broken text behind all that", ws.CodeBadPayload, "text message is not UTF-8 (RFC 6455, 5.6)")
	}
}

// What a peer has not taken, in a pipe or not, comes in its order.
func TestParcelOfBacklog(t *testing.T) {
	for _, taken := range []bool{true, false} {
		for _, op := range []ws.Opcode{ws.Text, ws.Binary} {
			h := newHarness(t)
			c, u := h.adopt(&Options{WriteTimeout: time.Minute})
			message := u.frame(op, strings.Repeat("0123456789abcdef", kernel/16))
			n := h.stuff(u, message)
			if !h.pair().legs[client].backlogged() {
				t.Fatal("got all taken")
			}
			h.advance(40 * time.Second)
			for c.take(100<<10) > 0 {
				n += u.offer(message[n:])
				h.wantMoved(taken)
				h.step()
			}
			if !bytes.Equal(c.got, message) {
				t.Fatalf("%v, taken %t: got %d bytes, want the %d sent", op, taken, len(c.got), len(message))
			}
			if pipes := h.loop.pipes.open - len(h.loop.pipes.empty); pipes != 0 {
				t.Errorf("got %d pipes in use, want none", pipes)
			}
		}
	}
}

// The time that a stalled peer has goes on with it.
func TestParcelOfStalledPeer(t *testing.T) {
	h := newHarness(t)
	_, u := h.adopt(&Options{WriteTimeout: time.Minute})
	h.stuff(u, u.frame(ws.Text, strings.Repeat("x", kernel)))
	h.advance(40 * time.Second)
	h.wantMoved(true)
	h.advance(19 * time.Second)
	h.wantOpen()
	h.advance(time.Second)
	h.wantMessageOfEnd("client.stalled")
}

// wantMessageOfEnd fails unless the one session has that cause, ended or not.
func (h *harness) wantMessageOfEnd(cause string) {
	h.t.Helper()
	if len(h.ends) == 0 {
		if p := h.pair(); p.end == nil || p.end.cause.String() != cause {
			h.t.Fatalf("got end %+v, want %s", p.end, cause)
		}
		return
	}
	if got := h.ends[0].Cause.String(); got != cause {
		h.t.Fatalf("got end %s, want %s", got, cause)
	}
}

// Pings, their pongs and idleness know nothing of a move.
func TestParcelKeepsTimes(t *testing.T) {
	h := newHarness(t)
	c, u := h.adopt(pingOptions())
	h.advance(15 * time.Second)
	h.wantMoved(true)
	h.advance(5 * time.Second)
	id := c.wantPing("quiet for 20s")
	h.wantMoved(true)
	c.send(ws.Pong, id)
	h.step()
	u.wantIdle("usher's own pong is swallowed")
	h.wantMoved(true)
	h.advance(10 * time.Second)
	if got := u.wantPing("quiet for 30s"); got != id {
		t.Errorf("got ping %x, want the session's %x", got, id)
	}
	h.advance(4 * time.Second)
	h.wantMoved(true)
	h.advance(time.Second)
	h.wantMessageOfEnd("upstream.silent")
}

// A rate that was used up is still.
func TestParcelKeepsRate(t *testing.T) {
	h := newHarness(t)
	c, _ := h.adopt(&Options{ClientRate: session.MaxRate{Messages: 10}})
	for range 10 {
		c.send(ws.Text, "x")
	}
	h.step()
	h.wantOpen()
	h.wantMoved(true)
	c.send(ws.Text, "x")
	h.step()
	h.wantMessageOfEnd("client.rate")
}

// What is about to end ends where it is.
func TestParcelOfEnding(t *testing.T) {
	for name, end := range map[string]func(h *harness, c, u *peer){
		"closing":  func(_ *harness, c, _ *peer) { c.sendClose(ws.CodeNormal, "") },
		"gone":     func(_ *harness, c, _ *peer) { c.conn.Close() },
		"leaving":  func(h *harness, _, _ *peer) { h.loop.leaveAt(h.pair(), h.now+time.Second, &goingAway) },
		"broke it": func(_ *harness, c, _ *peer) { c.write([]byte("\x8f\x80abcd")) },
	} {
		h := newHarness(t)
		c, u := h.adopt(&Options{})
		end(h, c, u)
		h.step()
		if n := h.handOn(); n != 0 {
			t.Errorf("%s: got %d sessions moved, want none", name, n)
		}
	}
}

// A session that is told to end while it is away is told when it is back.
func TestParcelDismissed(t *testing.T) {
	h := newHarness(t)
	c, _ := h.adopt(&Options{})
	h.loop.now = h.now
	parcels := h.loop.pack(2, true)
	d := goingAway
	d.Until = h.loop.epoch.Add(h.now + time.Minute)
	h.pairAway(parcels).session.Dismiss(&d)
	h.step()
	c.wantIdle("away")
	h.loop.unpacked(parcels, false)
	h.step()
	c.wantClose("back", ws.CodeGoingAway, goingAway.Reason)
}

func (h *harness) pairAway(parcels []*Parcel) *pair {
	h.t.Helper()
	if len(parcels) != 1 || len(h.loop.pairs) != 0 || !h.loop.occupied() {
		h.t.Fatalf("got %d parcels and %d pairs, want one session away", len(parcels), len(h.loop.pairs))
	}
	return parcels[0].away.(*pair)
}

// A state that no pair can have is an error, and the descriptors are not touched.
func TestUnpackRefuses(t *testing.T) {
	for _, st := range []PairState{
		{Legs: [2]LegState{{Check: ws.CheckerState{Left: -1}}}},
		{Legs: [2]LegState{{}, {Line: LineState{Held: make([]byte, maxHeld+1)}}}},
	} {
		if _, err := st.Unpack(&Options{}, []int{-1, -1}); err == nil {
			t.Errorf("%+v: got nil, want an error", st)
		}
	}
	for _, descriptors := range [][]int{nil, {-1}, {-1, -1, -1}} {
		if _, err := new(PairState).Unpack(&Options{}, descriptors); err == nil {
			t.Errorf("%v: got nil, want an error", descriptors)
		}
	}
}

// Sessions move from one group to another, all that there are, in parcels of a
// few; those that are not taken stay and go on.
func TestMove(t *testing.T) {
	const sessions, taken = 100, 60
	r := newCrowd(t, sessions, "client.close")
	next := newTestGroup(t)
	registry := session.NewRegistry(func(*session.Session, session.End) { r.ends.Add(1) })
	wantSoon(t, "sessions", r.group.sessions, sessions)
	moved := 0
	r.group.Move(10, true, func(parcels []*Parcel) bool {
		if len(parcels) != 5 {
			t.Fatalf("got %d parcels at a time, want 5", len(parcels))
		}
		if moved == taken {
			return false
		}
		for _, p := range parcels {
			var st PairState
			var s session.State
			reread(t, p.Pair, &st)
			reread(t, p.Session.State(), &s)
			a, err := st.Unpack(&st.Options, duplicates(t, p.Descriptors))
			if err != nil {
				t.Fatal(err)
			}
			next.TakeIn(registry.Restore(s), a, func() { r.releases.Add(1) })
			moved++
		}
		return true
	})
	if here, there := r.group.sessions(), next.sessions(); here != sessions-taken || there != taken {
		t.Errorf("got %d sessions here and %d there, want %d and %d", here, there, sessions-taken, taken)
	}
	if here, there := r.registry.Stats().Open, registry.Stats().Open; here != sessions-taken || there != taken {
		t.Errorf("got %d sessions in the registry here and %d there, want %d and %d", here, there, sessions-taken, taken)
	}
	r.each(func(_ int, c, u net.Conn) error {
		frame := ws.AppendFrame(nil, ws.Text, []byte("hello"), &[4]byte{1, 2, 3, 4})
		if _, err := c.Write(frame); err != nil {
			return err
		}
		return wantRead(u, frame)
	})
	r.each(func(_ int, c, u net.Conn) error { c.Close(); return u.Close() })
	wantSoon(t, "ends", r.ends.Load, sessions)
	wantSoon(t, "releases", r.releases.Load, sessions+taken)
}

// A pair that the poller cannot have is over, and no time of it is waited for.
func TestPairThatCannotComeBack(t *testing.T) {
	h := newHarness(t)
	var fds []int
	for range 2 { // epoll has no regular files
		fd, err := syscall.Open(filepath.Join(t.TempDir(), "file"), syscall.O_CREAT|syscall.O_RDWR, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		fds = append(fds, fd)
	}
	st := PairState{Options: Options{WriteTimeout: time.Second}}
	st.Legs[client].Line.Waits = []byte("x")
	a, err := st.Unpack(&st.Options, fds)
	if err != nil {
		t.Fatal(err)
	}
	s := h.registry.Restore(session.State{})
	h.loop.load.Add(1)
	released := false
	a.settle(s, h.loop, func() { released = true })
	h.loop.turn(h.loop.now, true)
	if !s.Ended() || !released || len(h.loop.timers) > 0 {
		t.Errorf("got %v, %v and %d timers, want it ended, released and forgotten", s.Ended(), released, len(h.loop.timers))
	}
}
