package relay

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/proxy/session"
)

// visitor is a Owner that keeps what it hears.
type visitor struct {
	seat      *Seat
	connected []error
	got       []byte
	takes     int
	lost      []error
	due       int

	on func(call string, s *Seat, p []byte) // nil for nothing
}

func (v *visitor) heard(call string, s *Seat, p []byte) {
	v.seat = s
	if v.on != nil {
		v.on(call, s, p)
	}
}

func (v *visitor) Connected(s *Seat, err error) {
	v.connected = append(v.connected, err)
	v.heard("connected", s, nil)
}

func (v *visitor) Take(s *Seat, p []byte) {
	v.takes++
	v.got = append(v.got, p...)
	v.heard("take", s, p)
}

func (v *visitor) Lost(s *Seat, err error) {
	v.lost = append(v.lost, err)
	v.heard("lost", s, nil)
}

func (v *visitor) Due(s *Seat) {
	v.due++
	v.heard("due", s, nil)
}

// wantGot fails unless exactly want was taken since.
func (v *visitor) wantGot(t *testing.T, why, want string) {
	t.Helper()
	if string(v.got) != want {
		t.Fatalf("%s: got %d bytes %.60q, want %d bytes %.60q", why, len(v.got), v.got, len(want), want)
	}
	v.got = nil
}

// wantLost fails unless Lost was called once, for an error that is want.
func (v *visitor) wantLost(t *testing.T, why string, want error) {
	t.Helper()
	if len(v.lost) != 1 || !errors.Is(v.lost[0], want) {
		t.Fatalf("%s: got losses %v, want one, %v", why, v.lost, want)
	}
	v.lost = nil
}

// seated gives the loop a seat of c for v.
func (h *harness) seated(c net.Conn, early string, v *visitor) *Seat {
	h.t.Helper()
	s := newSeat(h.loop, v)
	s.ends = &ends{c.LocalAddr().Network(), c.LocalAddr(), c.RemoteAddr()}
	come, err := s.init(c, []byte(early))
	if err != nil {
		h.t.Fatal(err)
	}
	s.count()
	h.loop.now = h.now
	h.loop.seat(s, come)
	h.step()
	return s
}

// newSeat returns a seat and its peer.
func (h *harness) newSeat(v *visitor) (*Seat, *peer) {
	h.t.Helper()
	p, l := h.newPeer(client)
	return h.seated(l.Conn, "", v), p
}

// bothSeats runs f for a plain seat and for one of TLS.
func bothSeats(t *testing.T, f func(h *harness, newPeer func() (*peer, net.Conn))) {
	t.Helper()
	t.Run("plain", func(t *testing.T) {
		h := newHarness(t)
		f(h, func() (*peer, net.Conn) { p, l := h.newPeer(client); return p, l.Conn })
	})
	for _, version := range tlsVersions() {
		t.Run(versionName(version), func(t *testing.T) {
			h := newHarness(t)
			f(h, func() (*peer, net.Conn) { p, l := h.newTLSPeer(client, version); return p, l.Conn })
		})
	}
}

func TestSeat(t *testing.T) {
	bothSeats(t, func(h *harness, newPeer func() (*peer, net.Conn)) {
		v := &visitor{}
		p, c := newPeer()
		s := h.seated(c, "GET /", v)
		if len(v.connected) != 1 || v.connected[0] != nil {
			h.t.Errorf("got connections %v, want one", v.connected)
		}
		v.wantGot(h.t, "what was read before", "GET /")
		p.write([]byte(" HTTP/1.1\r\n"))
		h.step()
		v.wantGot(h.t, "what comes", " HTTP/1.1\r\n")
		s.Write([]byte("HTTP/1.1 200 OK\r\n"))
		p.wantBytes("the answer", []byte("HTTP/1.1 200 OK\r\n"))
		p.conn.Close()
		h.step()
		v.wantLost(h.t, "the peer has closed", io.EOF)
		s.Close()
		s.Close()
		h.step()
		if n := h.loop.seats.Load(); n != 0 {
			h.t.Errorf("got %d seats, want none", n)
		}
	})
}

// A peer that has only ended its input still hears.
func TestSeatOfHalfClosedPeer(t *testing.T) {
	h, v := newHarness(t), &visitor{}
	s, p := h.newSeat(v)
	p.write([]byte("last words"))
	if err := p.raw.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	h.step()
	v.wantGot(t, "before the end", "last words")
	v.wantLost(t, "the end", io.EOF)
	s.Write([]byte("heard"))
	p.wantBytes("the answer", []byte("heard"))
	s.Close()
	p.wantEOF("closed")
}

// What the socket does not take is written later, in order.
func TestSeatBacklog(t *testing.T) {
	bothSeats(t, func(h *harness, newPeer func() (*peer, net.Conn)) {
		v := &visitor{}
		p, c := newPeer()
		s := h.seated(c, "", v)
		var want []byte
		for i := range 64 {
			part := bytes.Repeat([]byte{byte(i)}, 64<<10)
			want = append(want, part...)
			s.Write(part)
		}
		if !s.Backlogged() {
			h.t.Error("got all taken at once")
		}
		if _, err := s.Leave(); err == nil {
			h.t.Fatal("got a seat left that has something to write")
		}
		done := make(chan error, 1)
		got := make([]byte, len(want))
		go func() { _, err := io.ReadFull(p.conn, got); done <- err }()
		for until := time.Now().Add(20 * time.Second); s.Backlogged(); h.move() {
			if time.Now().After(until) {
				h.t.Fatal("got the backlog not taken in 20 s")
			}
		}
		if err := <-done; err != nil || !bytes.Equal(got, want) {
			h.t.Errorf("got other bytes than were written, or %v", err)
		}
		p.write([]byte("and on"))
		h.step()
		v.wantGot(h.t, "it goes on", "and on")
		s.Close()
	})
}

// A peer that reset its connection is lost, whether it is read or written to.
func TestSeatOfPeerThatIsGone(t *testing.T) {
	h, v := newHarness(t), &visitor{}
	s, p := h.newSeat(v)
	p.conn.Close()
	for range 3 {
		s.Write([]byte("hello?"))
	}
	h.step()
	if len(v.lost) != 1 {
		t.Fatalf("got losses %v, want one", v.lost)
	}
	s.Write([]byte("hello?"))
	h.step()
	s.Close()
}

func TestSeatWake(t *testing.T) {
	h, v := newHarness(t), &visitor{}
	s, _ := h.newSeat(v)
	s.Wake(time.Second)
	s.Wake(3 * time.Second) // later than was said
	if h.advance(2 * time.Second); v.due != 0 {
		t.Fatal("got an alarm that was put off")
	}
	if h.advance(time.Second); v.due != 1 {
		t.Fatalf("got %d alarms, want 1", v.due)
	}
	s.Wake(10 * time.Second)
	s.Wake(time.Second) // earlier
	if h.advance(time.Second); v.due != 2 {
		t.Fatalf("got %d alarms, want 2", v.due)
	}
	s.Wake(time.Second)
	s.Wake(0)
	if h.advance(time.Hour); v.due != 2 {
		t.Fatal("got an alarm that was taken back")
	}
	s.Wake(time.Second)
	s.Close()
	s.Wake(time.Second)
	if h.advance(time.Hour); v.due != 2 {
		t.Fatal("got an alarm of a seat that is over")
	}
}

// What came while the loop was held up is heard before time is up.
func TestSeatWakeAfterHeldUpLoop(t *testing.T) {
	h, v := newHarness(t), &visitor{}
	s, _ := h.newSeat(v)
	s.Wake(time.Second)
	h.now += 10 * time.Second
	h.loop.catchUp(h.now)
	if h.step(); v.due != 0 {
		t.Fatal("got an alarm at once though the loop was held up")
	}
	h.now += session.CatchUpTime
	h.loop.catchUp(h.now)
	if h.step(); v.due != 1 {
		t.Fatalf("got %d alarms, want 1", v.due)
	}
	s.Close()
}

func TestSeatPause(t *testing.T) {
	bothSeats(t, func(h *harness, newPeer func() (*peer, net.Conn)) {
		v := &visitor{}
		p, c := newPeer()
		s := h.seated(c, "", v)
		s.Pause()
		p.write([]byte("wait"))
		p.conn.Close()
		h.step()
		v.wantGot(h.t, "paused", "")
		if len(v.lost) != 0 {
			h.t.Fatalf("got losses %v while paused", v.lost)
		}
		s.Resume()
		h.step()
		v.wantGot(h.t, "resumed", "wait")
		v.wantLost(h.t, "resumed", io.EOF)
		s.Close()
	})
}

// A seat that never stops sending has a bounded share of a turn.
func TestSeatFairness(t *testing.T) {
	h, v, other := newHarness(t), &visitor{}, &visitor{}
	p, l := h.newPeer(client)
	const plenty = 8 << 20
	buffers(t, plenty, p.raw, l.Conn.(*net.UnixConn))
	s := h.seated(l.Conn, "", v)
	o, q := h.newSeat(other)
	for turn := range 4 {
		p.offer(bytes.Repeat([]byte("x"), plenty))
		q.write([]byte("hello"))
		v.got = nil
		h.turn()
		other.wantGot(t, "served in each turn", "hello")
		if n := len(v.got); n == 0 || n > greedyReads*bufferSize+bufferSize {
			t.Errorf("got %d bytes in turn %d, want some and at most %d", n, turn, (greedyReads+1)*bufferSize)
		}
	}
	s.Close()
	o.Close()
}

// Close is safe wherever it is called: nothing is heard behind it.
func TestSeatCloseInACall(t *testing.T) {
	for _, call := range []string{"connected", "take", "lost", "due"} {
		t.Run(call, func(t *testing.T) {
			bothSeats(t, func(h *harness, newPeer func() (*peer, net.Conn)) {
				heard := 0
				v := &visitor{on: func(now string, s *Seat, _ []byte) {
					if s.is(vacated) {
						heard++
					}
					if now == call {
						s.Close()
					}
				}}
				p, c := newPeer()
				for range 3 {
					p.write([]byte("several records"))
				}
				s := h.seated(c, "early", v)
				s.Wake(time.Second)
				h.advance(time.Second)
				if call == "lost" {
					p.conn.Close()
				}
				h.step()
				if heard != 0 {
					h.t.Errorf("got %d calls of a seat that is over", heard)
				}
				if !s.is(closed) {
					h.t.Error("got it open")
				}
				if call == "take" && v.takes != 1 {
					h.t.Errorf("got %d takes, want 1", v.takes)
				}
			})
		})
	}
}

// A seat that leaves is a connection as any other, with what was not taken
// before all that follows, wherever its records are cut.
func TestSeatLeave(t *testing.T) {
	for _, first := range []int{0, 1, 2, 100} {
		t.Run(fmt.Sprint("after ", first), func(t *testing.T) {
			bothSeats(t, func(h *harness, newPeer func() (*peer, net.Conn)) { leaves(h, newPeer, first) })
		})
	}
}

func leaves(h *harness, newPeer func() (*peer, net.Conn), first int) {
	var left net.Conn
	var err error
	v := &visitor{}
	v.on = func(call string, s *Seat, _ []byte) {
		if call == "take" && v.takes == first {
			left, err = s.Leave()
		}
	}
	p, c := newPeer()
	local, remote := c.LocalAddr().String(), c.RemoteAddr().String()
	s := h.seated(c, "", v)
	var want []byte
	for i := range 5 {
		part := bytes.Repeat([]byte{byte('a' + i)}, 17<<10)
		want = append(want, part...)
	}
	go p.conn.Write(want)
	for until := time.Now().Add(10 * time.Second); first > 0 && left == nil && len(v.got) < len(want) && time.Now().Before(until); {
		h.move()
	}
	if left == nil && err == nil {
		left, err = s.Leave()
	}
	if err != nil {
		h.t.Fatal(err)
	}
	defer left.Close()
	left.SetDeadline(time.Now().Add(10 * time.Second))
	got := slices.Clone(v.got)
	rest := make([]byte, len(want)-len(got))
	if _, err := io.ReadFull(left, rest); err != nil || !bytes.Equal(append(got, rest...), want) {
		h.t.Fatalf("got other bytes than the %d sent, %d of them taken before, or %v", len(want), len(got), err)
	}
	if l, r := left.LocalAddr().String(), left.RemoteAddr().String(); l != local || r != remote {
		h.t.Errorf("got addresses %s and %s, want %s and %s", l, r, local, remote)
	}
	go left.Write([]byte("from outside"))
	p.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if err := wantRead(p.conn, []byte("from outside")); err != nil {
		h.t.Error(err)
	}
	left.SetReadDeadline(time.Now().Add(time.Millisecond))
	if _, err := left.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "timeout") {
		h.t.Errorf("got %v, want a timeout", err)
	}
	if _, err := s.Leave(); err == nil {
		h.t.Error("got a seat left twice")
	}
	s.Write([]byte("not me"))
	s.Close()
	h.step()
}

// A connection that has left may come again.
func TestSeatComesBack(t *testing.T) {
	bothSeats(t, func(h *harness, newPeer func() (*peer, net.Conn)) {
		v := &visitor{}
		p, c := newPeer()
		for i := range 3 {
			s := h.seated(c, "", v)
			p.write([]byte("hello"))
			h.step()
			v.wantGot(h.t, fmt.Sprint("time ", i), "hello")
			var err error
			if c, err = s.Leave(); err != nil {
				h.t.Fatal(err)
			}
		}
		c.Close()
	})
}

// When the loop ends the owners lose what they have.
func TestSeatsWhenTheLoopEnds(t *testing.T) {
	g := newTestGroup(t)
	ours, theirs := socketpair(t)
	seated, lost := make(chan *Seat, 1), make(chan error, 1)
	v := &visitor{on: func(call string, s *Seat, _ []byte) {
		switch call {
		case "connected":
			seated <- s
		case "lost":
			lost <- ErrClosed
			s.Close()
		}
	}}
	if err := g.Seat(ours, nil, v); err != nil {
		t.Fatal(err)
	}
	s := <-seated
	ran := make(chan struct{})
	if !s.Post(func() { close(ran) }) {
		t.Error("got a post refused")
	}
	<-ran
	g.Close()
	<-lost
	v.wantLost(t, "the loop has ended", ErrClosed)
	if s.Post(func() {}) {
		t.Error("got a post taken by a loop that has ended")
	}
	if n, err := theirs.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("got %d, %v, want it closed", n, err)
	}
	ours, theirs = socketpair(t)
	if err := g.Seat(ours, nil, v); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v from a group that is closed", err)
	}
	if n, err := theirs.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("got %d, %v, want it closed", n, err)
	}
	pipe, other := net.Pipe()
	if err := g.Seat(pipe, nil, v); err == nil {
		t.Error("got a pipe seated")
	}
	if _, err := other.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want it closed", err)
	}
}

// wantBytes fails unless want is what arrives next.
func (p *peer) wantBytes(why string, want []byte) {
	p.t.Helper()
	p.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if err := wantRead(p.conn, want); err != nil {
		p.t.Fatalf("%s: %v", why, err)
	}
}
