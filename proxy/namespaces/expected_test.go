package namespaces

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// finding is a request that looks for a sid, and what it has found.
type finding chan *visitor

func (s *Server) startFinding(ctx context.Context, sid string) finding {
	f := make(finding, 1)
	go func() { f <- s.find(ctx, sid) }()
	synctest.Wait()
	return f
}

func (f finding) wantWaiting(t *testing.T, why string) {
	t.Helper()
	synctest.Wait()
	if len(f) > 0 {
		t.Errorf("%s: got %p, want it waiting", why, <-f)
	}
}

func (f finding) want(t *testing.T, why string, v *visitor) {
	t.Helper()
	synctest.Wait()
	select {
	case got := <-f:
		if got != v {
			t.Errorf("%s: got %p, want %p", why, got, v)
		}
	default:
		t.Errorf("%s: got it waiting, want %p", why, v)
	}
}

// A request waits for its session only while some are on their way.
func TestExpected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, v := NewServer(Config{}), &visitor{}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s.startFinding(ctx, "a").want(t, "none is expected", nil)
		s.Expect()
		a, again, b, gone := s.startFinding(ctx, "a"), s.startFinding(ctx, "a"), s.startFinding(t.Context(), "b"), s.startFinding(ctx, "c")
		a.wantWaiting(t, "expected")
		s.sids.add("a", v)
		s.expected.arrived("a")
		a.want(t, "it has come", v)
		again.want(t, "it has come", v)
		cancel()
		gone.want(t, "its client is gone", nil)
		b.wantWaiting(t, "another one")
		s.Settled()
		b.want(t, "all have come", nil)
		s.startFinding(t.Context(), "b").want(t, "all have come before", nil)

		s.Expect()
		late := s.startFinding(t.Context(), "b")
		time.Sleep(expectTime - time.Millisecond)
		late.wantWaiting(t, "not yet")
		time.Sleep(time.Millisecond)
		late.want(t, "too long", nil)
		s.Settled()
	})
}

// Requests of a client wait while it is put aside, and none is begun that another
// process could not go on with.
func TestVisitorPutAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &visitor{}
		if v.hold() {
			t.Error("got a visitor held whose sid is not known yet")
		}
		newSIDs().add("a", v)
		if first, here, err := v.beginPost(t.Context()); !first || !here || err != nil {
			t.Fatalf("got %v, %v, %v, want the first POST, here", first, here, err)
		}
		if first, _, _ := v.beginPost(t.Context()); first {
			t.Error("got a second POST as the first")
		}
		if v.hold() {
			t.Error("got it held with a POST under way")
		}
		v.endPost()
		for _, moved := range []bool{false, true} {
			if !v.hold() || v.hold() {
				t.Fatal("got it not held, or twice")
			}
			var here, first, posted bool
			go func() { here, _ = v.settled(t.Context()) }()
			go func() { first, posted, _ = v.beginPost(t.Context()) }()
			broken, cancel := context.WithCancelCause(t.Context())
			cancel(errGone)
			if _, err := v.settled(broken); !errors.Is(err, errGone) {
				t.Errorf("got %v, want why the request is over", err)
			}
			synctest.Wait()
			if here || first || posted {
				t.Error("got a request that does not wait")
			}
			v.held(moved)
			synctest.Wait()
			if here == moved || posted == moved || !first {
				t.Errorf("moved %v: got %v and %v here", moved, here, posted)
			}
			if !moved {
				v.endPost()
			}
		}
		if v.hold() {
			t.Error("got it held that has moved")
		}
	})
}

// A client that polls by a connection which cannot move stays with it.
func TestVisitorStays(t *testing.T) {
	v := &visitor{}
	for _, tt := range []struct {
		r     http.Request
		moves bool
		want  string
	}{
		{http.Request{ProtoMajor: 1}, true, ""},
		{http.Request{ProtoMajor: 1, TLS: new(tls.ConnectionState)}, false, "polls by TLS"},
		{http.Request{ProtoMajor: 2, TLS: new(tls.ConnectionState)}, false, "polls by HTTP/2"},
		{http.Request{ProtoMajor: 1, TLS: new(tls.ConnectionState)}, true, ""},
	} {
		if v.asks(&tt.r, tt.moves); v.stays() != tt.want {
			t.Errorf("HTTP/%d, TLS %v, moves %v: got %q, want %q", tt.r.ProtoMajor, tt.r.TLS != nil, tt.moves, v.stays(), tt.want)
		}
	}
}
