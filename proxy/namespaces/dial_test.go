package namespaces

import (
	"context"
	"errors"
	"net"
	"testing"

	"usher/proxy/config"
	"usher/proxy/demux"
	"usher/proxy/handshake"
	"usher/proxy/upstream"
)

// newTestUpstream listens at n addresses, which are the endpoints in order.
func newTestUpstream(t *testing.T, n int) (*upstream.Upstream, []net.Listener) {
	t.Helper()
	c := &config.Upstream{Name: "main", Balance: config.RoundRobin}
	var listeners []net.Listener
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		listeners = append(listeners, l)
		c.Endpoints = append(c.Endpoints, config.Endpoint{Scheme: config.HTTP, Address: l.Addr().String(), Weight: 1})
	}
	return upstream.NewPool([]*config.Upstream{c}).Get("main"), listeners
}

// Row 24 of the attacks: a tag proves nothing, and what is no tag does nothing.
func TestReach(t *testing.T) {
	s := NewServer(Config{})
	u, listeners := newTestUpstream(t, 3)
	endpoints := u.Endpoints()
	reach := func(to demux.Target) *upstream.Endpoint {
		t.Helper()
		e, conn, err := s.reach(t.Context(), u, to, nil)
		if err != nil {
			t.Fatalf("%+v: %v", to, err)
		}
		conn.Close()
		e.Release()
		return e
	}
	for _, e := range endpoints {
		tag := s.tag(e.Identity)
		for range 4 {
			if got := reach(demux.Target{Prefer: tag}); got != e {
				t.Errorf("preferred: got %v, want %v", got, e)
			}
			if got := reach(demux.Target{Avoid: tag}); got == e {
				t.Errorf("avoided: got %v", got)
			}
		}
		if NewServer(Config{}).tag(e.Identity) == tag {
			t.Error("got the same tag from another server: it depends on no key")
		}
	}
	seen := make(map[*upstream.Endpoint]bool)
	for range 6 {
		seen[reach(demux.Target{Prefer: "forged-tag1"})] = true
	}
	if len(seen) != 3 {
		t.Errorf("forged tag: got %d endpoints, want all in turn", len(seen))
	}
	listeners[1].Close()
	if got := reach(demux.Target{Prefer: s.tag(endpoints[1].Identity)}); got == endpoints[1] {
		t.Errorf("got %v, which is down", got)
	}
	for _, e := range endpoints {
		if e.Sessions() != 0 {
			t.Errorf("%v: got %d sessions, want none", e, e.Sessions())
		}
	}
}

func TestUnopened(t *testing.T) {
	s := NewServer(Config{})
	for _, tt := range []struct {
		err    error
		status int
		text   string
	}{
		{&handshake.DeclinedError{Status: 403, Text: "go away"}, 403, "go away"},
		{&handshake.DeclinedError{Status: 400}, 400, "Bad Request"},
		{&handshake.DeclinedError{Status: 500, Text: "x"}, 500, "x"},
		{&handshake.DeclinedError{Status: 302}, 302, "Found"},
		{context.DeadlineExceeded, 0, ""},
		{errors.New("reset"), 0, ""},
	} {
		got := s.unopened("main", tt.err)
		if got.Err == nil || got.Refused.Status != tt.status || got.Refused.Text != tt.text {
			t.Errorf("%v: got %+v, want %d %q", tt.err, got.Refused, tt.status, tt.text)
		}
	}
}
