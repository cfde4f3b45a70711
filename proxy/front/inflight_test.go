package front

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"usher/proxy/limits"
)

var errTestStopping = errors.New("stopping")

// newTestClient returns an accepted connection of HTTP/1 in flight.
func newTestClient(t *testing.T, f *inflight) (own *conn, peer net.Conn) {
	t.Helper()
	below, peer := net.Pipe()
	t.Cleanup(func() { below.Close(); peer.Close() })
	c := newConn(below, nil)
	f.change(c, http.StateNew)
	return c, peer
}

// wantSettled wants f to be settled, or not.
func wantSettled(t *testing.T, f *inflight, when string, want bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if got := f.wait(ctx, unsettled) == nil; got != want {
		t.Errorf("%s: got settled %t, want %t", when, got, want)
	}
}

// TestNobodyIsOverlooked follows a client from the accept to the end of its
// handshake: at no time is it nowhere to be seen.
func TestNobodyIsOverlooked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newInflight(errTestStopping, new(limits.Connections))
		wantSettled(t, f, "nobody", true)
		c, _ := newTestClient(t, f)
		wantSettled(t, f, "accepted", false)
		f.change(c, http.StateActive)
		wantSettled(t, f, "head has come", false)
		_, p, ok := f.enter(c, httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
		if !ok {
			t.Fatal("handshake: got none, want one")
		}
		wantSettled(t, f, "handshake", false)
		f.change(c, http.StateHijacked)
		wantSettled(t, f, "taken over", false)
		p.leave()
		p.leave()
		wantSettled(t, f, "handshake over", true)
		if err := f.wait(t.Context(), everything); err != nil {
			t.Errorf("all: got %v, want nobody left", err)
		}
	})
}

// TestPlainRequestsAreSettled: who is served has its answer, or will.
func TestPlainRequestsAreSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newInflight(errTestStopping, new(limits.Connections))
		c, _ := newTestClient(t, f)
		for range 2 {
			f.change(c, http.StateActive)
			wantSettled(t, f, "head has come", false)
			f.move(c, served)
			wantSettled(t, f, "passed", true)
			f.change(c, http.StateIdle)
			wantSettled(t, f, "answered", true)
		}
		gone := make(chan error, 1)
		go func() { gone <- f.wait(t.Context(), everything) }()
		synctest.Wait()
		if len(gone) != 0 {
			t.Error("open: got that nobody is left")
		}
		f.change(c, http.StateClosed)
		if err := <-gone; err != nil {
			t.Errorf("closed: got %v, want nobody left", err)
		}
	})
}

// TestHTTP2HasToAsk: a connection is settled when it has asked for something.
func TestHTTP2HasToAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newInflight(errTestStopping, new(limits.Connections))
		c, _ := net.Pipe()
		f.add(c, greeted)
		for _, state := range []http.ConnState{http.StateNew, http.StateActive, http.StateIdle} {
			f.changeH2(c, state)
			wantSettled(t, f, state.String(), false)
		}
		f.move(c, served)
		wantSettled(t, f, "asked", true)
		f.changeH2(c, http.StateClosed)
		f.move(c, served) // a handler that begins too late
		if err := f.wait(t.Context(), everything); err != nil {
			t.Errorf("closed: got %v, want nobody left", err)
		}
	})
}

// TestFreshAreClosed: who has asked for nothing is closed, now and later, and
// nobody else.
func TestFreshAreClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newInflight(errTestStopping, new(limits.Connections))
		clients := make(map[string]net.Conn)
		for _, name := range []string{"fresh", "asked", "served"} {
			c, peer := newTestClient(t, f)
			clients[name] = peer
			if name != "fresh" {
				f.change(c, http.StateActive)
			}
			if name == "served" {
				f.move(c, served)
			}
		}
		f.closeFresh()
		_, clients["late"] = newTestClient(t, f)
		for name, peer := range clients {
			peer.SetReadDeadline(time.Now().Add(time.Second))
			_, err := peer.Read(make([]byte, 1))
			ne, ok := errors.AsType[net.Error](err)
			open := ok && ne.Timeout()
			if want := name == "asked" || name == "served"; open != want {
				t.Errorf("%s: got open %t (%v), want %t", name, open, err, want)
			}
		}
	})
}

// TestHandshakesEnd: those that are on their way are told why, and no more begin.
func TestHandshakesEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newInflight(errTestStopping, new(limits.Connections))
		c, _ := newTestClient(t, f)
		f.change(c, http.StateActive)
		r, p, _ := f.enter(c, httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
		ended := make(chan struct{})
		go func() { f.endHandshakes(); close(ended) }()
		<-r.Context().Done()
		if err := context.Cause(r.Context()); err != errTestStopping {
			t.Errorf("cause: got %v, want %v", err, errTestStopping)
		}
		select {
		case <-ended:
			t.Error("got the end before the handshake's")
		default:
		}
		p.leave()
		<-ended
		if same, _, ok := f.enter(c, p.request); ok || same != p.request {
			t.Error("too late: got a handshake, want none")
		}
	})
}

// Before its session counts, a client has stopped to: never both, nor less than
// nothing.
func TestUncount(t *testing.T) {
	counts := new(limits.Connections)
	f := newInflight(errTestStopping, counts)
	peer := netip.MustParseAddr("192.0.2.1")
	c := &client{counts: peer}
	for _, step := range []struct {
		what string
		do   func()
		want int
	}{
		{"accepted", func() { f.add(c, fresh) }, 1},
		{"uncounted", func() { f.uncount(c) }, 0},
		{"uncounted again", func() { f.uncount(c) }, 0},
		{"removed", func() { f.remove(c) }, 0},
		{"unknown", func() { f.uncount(c) }, 0},
	} {
		if step.do(); counts.Of(peer) != step.want {
			t.Errorf("%s: got %d, want %d", step.what, counts.Of(peer), step.want)
		}
	}
}
