//go:build linux && !portable

package front

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"
	"time"

	"usher/proxy/socket"
)

const nextRequest = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n"

// newTestGuest returns a connection that net/http has, while clients may depart.
func newTestGuest(t *testing.T) (s *Server, c *conn, peer net.Conn) {
	t.Helper()
	s, l := newTestLoops(t)
	pair, peer, err := socket.Pair()
	if err != nil {
		t.Fatal(err)
	}
	fd, err := socket.Duplicate(pair.(syscall.Conn))
	if err != nil {
		t.Fatal(err)
	}
	pair.Close()
	below, err := socket.OfDescriptor(fd, "unix", peer.LocalAddr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { below.Close(); peer.Close() })
	peer.SetDeadline(time.Now().Add(10 * time.Second))
	s.departures.begin()
	return s, newConn(below, &client{from: l, how: l.Speech()}), peer
}

// TestGuestsThatStayAreRead: who cannot depart is served here, also while others
// do: a request that somebody waits to serve, and one by a connection that no
// other process can have.
func TestGuestsThatStayAreRead(t *testing.T) {
	for name, stay := range map[string]func(*conn){
		"served already":  func(c *conn) { c.serve = func(http.ResponseWriter, *http.Request) {} },
		"tls that drains": func(c *conn) { c.Conn = struct{ net.Conn }{c.Conn} },
	} {
		_, c, peer := newTestGuest(t)
		stay(c)
		io.WriteString(peer, nextRequest)
		p := make([]byte, 4096)
		if n, err := c.Read(p); n == 0 || err != nil {
			t.Errorf("%s: got %q, %v, want the request", name, p[:n], err)
		}
	}
}

// TestGuestWhoseRequestHasBegunStays: net/http has the first byte of the next
// request, which came while the one before was served.
func TestGuestWhoseRequestHasBegunStays(t *testing.T) {
	s, c, peer := newTestGuest(t)
	c.state = serving
	io.WriteString(peer, nextRequest)
	var first [1]byte
	if _, err := io.ReadFull(c, first[:]); err != nil {
		t.Fatal(err)
	}
	c.follow(http.StateIdle)
	rest := make([]byte, len(nextRequest)-1)
	if _, err := io.ReadFull(c, rest); err != nil || string(first[:])+string(rest) != nextRequest {
		t.Errorf("got %q and %q, %v, want the request", first, rest, err)
	}
	for _, d := range s.departures.end() {
		t.Errorf("one has departed with %q", d.said)
	}
}

// TestDeparturesTakeAllThatCame: who comes to a loop with the beginning of a
// request departs with it.
func TestDeparturesTakeAllThatCame(t *testing.T) {
	s, c, _ := newTestGuest(t)
	s.inflight.park()
	p := &Parked{conn: c, server: s, woken: make(chan struct{}, 1), early: []byte("GET /n"), keep: true}
	p.Done()
	select {
	case <-s.departures.filled:
	case <-time.After(10 * time.Second):
		t.Fatal("nobody has departed")
	}
	for _, d := range s.departures.end() {
		if string(d.said) != "GET /n" {
			t.Errorf("departed with %q, want what came", d.said)
		}
		d.conn.Close()
		s.inflight.remove(d.client)
	}
}

// TestOneThatIsNotTakenKeepsNobodyHere: each is offered by itself where the other
// process refuses several at once.
func TestOneThatIsNotTakenKeepsNobodyHere(t *testing.T) {
	s, l := newTestLoops(t)
	var peers []net.Conn
	for range 4 {
		_, peer := seatTestClient(t, s, l)
		peers = append(peers, peer)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var refused, taken int
	s.Move(ctx, 2, func(states []ClientState, _ []int) (all, more bool) {
		switch {
		case len(states) > 1:
		case refused == 0:
			refused++
		default:
			if taken++; taken == len(peers)-1 {
				time.AfterFunc(100*time.Millisecond, stop) // for the other to come again, if it did
			}
			return true, true
		}
		return false, true
	})
	open := 0
	for _, p := range peers {
		p.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		if _, err := p.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
			open++
		}
	}
	if refused != 1 || open != 1 {
		t.Errorf("got %d refused and %d open, want one, and the others with the other process", refused, open)
	}
}

// TestArrivesWhereTLSIsNoMore: the routes file of the new process may have the
// listener plain.
func TestArrivesWhereTLSIsNoMore(t *testing.T) {
	s, l := newTestLoops(t)
	pair, peer, err := socket.Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	fd, err := socket.Duplicate(pair.(syscall.Conn))
	if err != nil {
		t.Fatal(err)
	}
	pair.Close()
	s.Serve(new(Site))
	commit, _, err := s.Arrive(ClientState{Listener: l.address, Stage: stages[saysHello]}, fd, []*Listener{l})
	if err != nil {
		t.Fatal(err)
	}
	commit()
	io.WriteString(peer, nextRequest)
	peer.SetDeadline(time.Now().Add(10 * time.Second))
	back, err := s.guests.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	got := make([]byte, len(nextRequest))
	if _, err := io.ReadFull(back, got); err != nil || string(got) != nextRequest {
		t.Errorf("got %q, %v, want the request", got, err)
	}
}
