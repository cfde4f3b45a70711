package relay

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"usher/proxy/session"
	"usher/proxy/ws"
)

func restart(over, until time.Duration, h *harness) *session.Drain {
	return &session.Drain{
		Cause: session.Cause{Side: session.Usher, Event: session.Shutdown}, Code: 1012, Reason: "usher is shutting down",
		Over: over, Until: h.loop.epoch.Add(h.now + until),
	}
}

// stream is a session whose upstream is always in the middle of a frame of a
// message that never ends.
type stream struct {
	c, u *peer
	told bool
}

const fragmentSize = 10_000

// flow completes the frame that the upstream has begun, and begins the next.
func (s *stream) flow() {
	whole := s.u.fragment(ws.Continuation, false, string(bytes.Repeat([]byte("x"), fragmentSize)))
	half := len(whole) / 2
	s.u.write(append(whole[half:], whole[:half]...))
}

// read takes what has come to the client, and fails unless that is a run of
// whole frames of the message, with at most one Close frame behind it.
func (s *stream) read(t *testing.T, wantClose []byte) {
	t.Helper()
	s.c.take(1 << 30)
	for len(s.c.got) > 0 && !s.told {
		h, n, err := ws.ParseHeader(s.c.got)
		if err != nil {
			t.Fatalf("got a broken header: %v", err)
		}
		size := n + int(h.Length)
		if n == 0 || len(s.c.got) < size {
			return
		}
		frame := s.c.got[:size]
		s.c.got = s.c.got[size:]
		if h.Opcode == ws.Close {
			s.told = bytes.Equal(frame, wantClose)
		}
		if want := s.told || !h.Opcode.Control() && h.Length == fragmentSize; !want {
			t.Fatalf("got %s of %d bytes, want a fragment or the Close frame", h.Opcode, h.Length)
		}
	}
	if len(s.c.got) > 0 {
		t.Fatalf("got %d bytes behind the Close frame", len(s.c.got))
	}
}

// TestDrainIsSpread drains 2,000 sessions in the middle of long messages. Each
// client gets a Close frame between two frames, and in no tenth of the window
// more than 15 % of them do.
func TestDrainIsSpread(t *testing.T) {
	sessions, over := 2000, 30*time.Second
	if portable || testing.Short() {
		sessions, over = 300, 10*time.Second
	}
	h := newHarness(t)
	var streams []*stream
	for range sessions {
		c, cl := h.newPeer(client)
		u, ul := h.newPeer(upstream)
		h.postSession(h.open(), &Options{}, cl, ul)
		s := &stream{c: c, u: u}
		whole := u.fragment(ws.Text, false, string(bytes.Repeat([]byte("x"), fragmentSize)))
		u.write(whole[:len(whole)/2])
		streams = append(streams, s)
	}
	h.step()
	farewell := ws.AppendFrame(nil, ws.Close, ws.AppendClose(nil, 1012, "usher is shutting down"), nil)
	h.loop.now = h.now
	h.loop.shutdown(restart(over, time.Minute, h), share{0, 1})
	most := sessions * 15 / 100
	for tenth := range 10 {
		h.advance(over / 10)
		told := 0
		for _, s := range streams {
			if !s.told {
				s.flow()
			}
		}
		h.step()
		for _, s := range streams {
			before := s.told
			s.read(t, farewell)
			if s.told && !before {
				told++
				s.answer()
			}
		}
		if told > most || told == 0 {
			t.Errorf("tenth %d: got %d of %d clients told, want some, %d at most", tenth, told, sessions, most)
		}
	}
	h.step()
	wantDrained(t, h, sessions)
}

// answer ends the session from both sides; the upstream must complete its
// frame first.
func (s *stream) answer() {
	s.c.sendClose(1012, "")
	rest := fragmentSize + len(s.u.header(ws.Continuation, fragmentSize))
	s.u.write(append(bytes.Repeat([]byte("x"), rest-rest/2), s.u.frame(ws.Close, "\x03\xf4")...))
}

// wantDrained fails unless so many sessions have ended since, all of them by
// the shutdown, and none is left.
func wantDrained(t *testing.T, h *harness, sessions int) {
	t.Helper()
	ends := make(map[string]int)
	for _, e := range h.ends {
		ends[fmt.Sprint(e.Cause, e.Code)]++
	}
	if ends["usher.shutdown 1012"] != sessions || len(ends) != 1 || h.released != sessions || len(h.loop.pairs) != 0 {
		t.Errorf("got ends %v and %d releases, want %d by usher.shutdown with 1012", ends, h.released, sessions)
	}
}

// A handful of sockets do not take the whole window.
func TestDrainOfFewIsQuick(t *testing.T) {
	h := newHarness(t)
	var clients []*peer
	for range 4 {
		c, _ := h.adopt(&Options{})
		clients = append(clients, c)
	}
	h.loop.now = h.now
	h.loop.shutdown(restart(30*time.Second, time.Minute, h), share{0, 1})
	for told := range 5 {
		h.step()
		n := 0
		for _, c := range clients {
			if c.take(1 << 30); len(c.got) > 0 {
				n++
			}
		}
		if want := min(told+1, 4); n != want {
			t.Errorf("got %d clients told after %v, want %d", n, time.Duration(told)*50*time.Millisecond, want)
		}
		h.advance(50 * time.Millisecond)
	}
}

// Two loops take turns, so that the whole group keeps the pace of one.
func TestDrainSharesTheWindow(t *testing.T) {
	h := newHarness(t)
	for range 2 {
		h.adopt(&Options{})
	}
	h.loop.now = h.now
	h.loop.drain(restart(time.Minute, time.Hour, h), share{1, 2}, nil)
	for _, want := range []time.Duration{50 * time.Millisecond, 100 * time.Millisecond} {
		if got := h.advanceToTimer(); got != want {
			t.Errorf("got a timer after %v, want %v", got, want)
		}
	}
}

// A drain of some sessions leaves the others alone, and so it leaves what is
// adopted later.
func TestDrainOfSome(t *testing.T) {
	h := newHarness(t)
	gone, goneUp := h.adopt(&Options{})
	concerned := h.pair().session
	stays, staysUp := h.adopt(&Options{})
	d := restart(0, time.Minute, h)
	d.Cause.Event = session.Drained
	h.loop.now = h.now
	h.loop.drain(d, share{0, 1}, func(s *session.Session) bool { return s == concerned })
	h.step()
	gone.wantClose("told", 1012, "usher is shutting down")
	goneUp.wantClose("told", 1012, "usher is shutting down")
	gone.sendClose(1012, "")
	goneUp.sendClose(1012, "")
	h.step()
	if len(h.ends) != 1 || h.ends[0].Cause.String() != "usher.drained" || h.released != 1 {
		t.Errorf("got ends %v and %d releases, want one usher.drained", h.ends, h.released)
	}
	later, laterUp := h.adopt(&Options{})
	for _, s := range [][2]*peer{{stays, staysUp}, {later, laterUp}} {
		s[0].send(ws.Text, "still here")
		h.step()
		s[1].wantFrame("relayed", ws.Text, "still here")
	}
}

// Of a drain and the end of the process the earlier times count.
func TestShutdownDuringDrain(t *testing.T) {
	h := newHarness(t)
	c, u := h.adopt(&Options{})
	h.loop.now = h.now
	h.loop.drain(restart(time.Hour, 2*time.Hour, h), share{999, 1000}, nil)
	h.advance(time.Second)
	c.wantIdle("its turn has not come")
	h.loop.now = h.now
	h.loop.shutdown(restart(0, time.Minute, h), share{0, 1})
	h.step()
	c.wantClose("told now", 1012, "usher is shutting down")
	u.wantClose("told now", 1012, "usher is shutting down")
	h.advance(time.Minute - 1)
	h.wantOpen()
	h.advance(1)
	h.wantEnd("usher.shutdown", 1012)
}

// Of many, one ends.
func TestDrainSome(t *testing.T) {
	h := newHarness(t)
	h.adopt(&Options{})
	other := h.pair()
	delete(h.loop.pairs, other.session)
	c, u := h.adopt(&Options{})
	meant := h.pair().session
	h.loop.pairs[other.session] = other
	d := goingAway
	d.Until = h.loop.epoch.Add(h.now + time.Minute)
	h.loop.drainSome(&d, share{0, 1}, map[*session.Session]bool{meant: true, h.open(): true})
	h.step()
	c.wantClose("meant", 1001, d.Reason)
	u.wantClose("meant", 1001, d.Reason)
	if other.closing() || other.leave != nil {
		t.Error("got another closed")
	}
	c.sendClose(1001, "")
	u.sendClose(1001, "")
	h.step()
	delete(h.loop.pairs, other.session)
	h.wantEnd("usher.shutdown", 1001)
	h.loop.pairs[other.session] = other // for the harness to end
}
