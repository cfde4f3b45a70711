package front

import (
	"io"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"
)

// TestWakeComesLate: an answer may be taken before its Wake comes, and the
// connection is another request's by then.
func TestWakeComesLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		below, peer := net.Pipe()
		defer peer.Close()
		c := newConn(below, nil)
		s := NewServer(Config{Log: slog.New(slog.DiscardHandler)})
		s.inflight.park()
		p := &Parked{conn: &c, server: s, woken: make(chan struct{}, 1), early: []byte("G"), keep: true}
		go p.Done()
		back, err := s.again.Accept()
		if err != nil {
			t.Fatal(err)
		}
		p.Wake()
		const rest = "ET / HTTP/1.1\r\nHost: a\r\n\r\n"
		go io.WriteString(peer, rest)
		got := make([]byte, 1+len(rest))
		if _, err := io.ReadFull(back, got); err != nil || string(got) != "G"+rest {
			t.Errorf("next request: got %q, %v, want all of it", got, err)
		}
	})
}
