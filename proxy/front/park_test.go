package front

import (
	"io"
	"log/slog"
	"testing"
	"time"

	"usher/proxy/relay"
	"usher/proxy/socket"
)

// newTestLoops returns a server that accepts nobody, with loops, and a listener
// of it.
func newTestLoops(t *testing.T) (*Server, *Listener) {
	t.Helper()
	loops, err := relay.NewGroup()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(loops.Close)
	log := slog.New(slog.DiscardHandler)
	s := NewServer(Config{Loops: loops, Log: log})
	l := &Listener{server: s, timeout: time.Minute, log: log}
	l.speech.Store(new(Speech))
	return s, l
}

// TestWakeComesLate: an answer may be taken before its Wake comes, and the
// connection is another request's by then.
func TestWakeComesLate(t *testing.T) {
	s, l := newTestLoops(t)
	below, peer, err := socket.Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	c := newConn(below, &client{from: l, how: l.Speech()})
	s.inflight.park()
	p := &Parked{conn: c, server: s, woken: make(chan struct{}, 1), early: []byte("G"), keep: true}
	p.Done()
	p.Wake()
	const rest = "ET / HTTP/1.1\r\nHost: a\r\n\r\n"
	go io.WriteString(peer, rest)
	back, err := s.guests.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	got := make([]byte, 1+len(rest))
	if _, err := io.ReadFull(back, got); err != nil || string(got) != "G"+rest {
		t.Errorf("next request: got %q, %v, want all of it", got, err)
	}
}
