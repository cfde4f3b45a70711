package front

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"usher/proxy/relay"
	"usher/proxy/socket"
)

// seatTestClient returns a client on a loop, which waits for a head, and its peer.
func seatTestClient(t *testing.T, s *Server, l *Listener) (*client, net.Conn) {
	t.Helper()
	below, peer, err := socket.Pair()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peer.Close() })
	c := &client{from: l, how: l.Speech(), stage: saysHead}
	s.inflight.add(c, fresh)
	s.seat(c, below, nil)
	waitSeat(t, c)
	return c, peer
}

// waitSeat waits until a loop has c.
func waitSeat(t *testing.T, c *client) *relay.Seat {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if s := c.seat.Load(); s != nil {
			return s
		}
	}
	t.Fatal("client did not come to a loop")
	return nil
}

// onLoop has f run by the loop of s, and waits for it.
func onLoop(t *testing.T, s *relay.Seat, f func()) {
	t.Helper()
	done := make(chan struct{})
	if !s.Post(func() { f(); close(done) }) {
		t.Fatal("the loop has ended")
	}
	<-done
}

// wantEnd fails unless the connection of peer is closed.
func wantEnd(t *testing.T, why string, peer net.Conn) {
	t.Helper()
	peer.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.Copy(io.Discard, peer); err != nil {
		t.Errorf("%s: got %v, want the end", why, err)
	}
}

// wantNobody fails unless nobody is under way.
func wantNobody(t *testing.T, s *Server) {
	t.Helper()
	s.inflight.mu.Lock()
	defer s.inflight.mu.Unlock()
	if len(s.inflight.conns) > 0 || s.inflight.count != [phases]int{} {
		t.Errorf("in flight: got %d, by phase %v, want nobody", len(s.inflight.conns), s.inflight.count)
	}
}

// TestStopBetweenLoops: a client may be on its way from a worker to a loop when
// those are closed that ask for nothing. Its former loop must not touch it, and
// its next one closes it.
func TestStopBetweenLoops(t *testing.T) {
	s, l := newTestLoops(t)
	c, peer := seatTestClient(t, s, l)
	former := c.seat.Load()
	var conn net.Conn
	var err error
	onLoop(t, former, func() { conn, err = c.takeConn() })
	if err != nil {
		t.Fatal(err)
	}
	c.stage = saysHead // as secure does
	s.inflight.closeFresh()
	onLoop(t, former, func() {})
	s.seat(c, conn, nil)
	wantEnd(t, "client that came to a loop", peer)
	onLoop(t, former, func() {})
	s.Wait()
	wantNobody(t, s)
}

// TestBackloggedClientIsClosed: a client that does not take what TLS answers by
// itself, such as key updates, cannot leave its loop.
func TestBackloggedClientIsClosed(t *testing.T) {
	s, l := newTestLoops(t)
	c, peer := seatTestClient(t, s, l)
	seat := c.seat.Load()
	served := make(chan struct{})
	onLoop(t, seat, func() {
		seat.Write(bytes.Repeat([]byte("x"), 8<<20))
		if !seat.Backlogged() {
			t.Error("seat: got all written, want a backlog")
		}
		c.leave([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), func(http.ResponseWriter, *http.Request) { close(served) })
	})
	<-served
	wantEnd(t, "backlogged client", peer)
	wantNobody(t, s)
}

// TestLateGuestHoldsNoLoopUp: what serves a client that net/http does not take any
// more may take long.
func TestLateGuestHoldsNoLoopUp(t *testing.T) {
	s, l := newTestLoops(t)
	c, peer := seatTestClient(t, s, l)
	seat := c.seat.Load()
	s.guests.Close()
	release := make(chan struct{})
	seat.Post(func() {
		c.leave([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), func(http.ResponseWriter, *http.Request) { <-release })
	})
	turned := make(chan struct{})
	seat.Post(func() { close(turned) })
	select {
	case <-turned:
	case <-time.After(5 * time.Second):
		t.Error("the loop waits")
	}
	close(release)
	s.Wait()
	wantEnd(t, "late guest", peer)
	wantNobody(t, s)
}
