//go:build linux && !portable

package proxy

import (
	"encoding/json"
	"syscall"
	"testing"

	"usher/proxy/handover"
	"usher/proxy/namespaces"
	"usher/proxy/relay"
	"usher/proxy/session"
)

// MoveSplit gives the sessions of s that can move to next, as one process does
// to another, and returns how many those were. It takes as long as before does.
func (s *Server) MoveSplit(t *testing.T, next *Server, before func()) (moved int) {
	t.Helper()
	next.namespaces.Expect()
	defer next.namespaces.Settled()
	s.frames.Move(64, true, func(parcels []*relay.Parcel) bool {
		before()
		var lost []string
		for _, p := range parcels {
			x, gone := s.moveOne(t, next, p)
			lost = append(lost, gone...)
			next.recheck(x, next.frames)
			moved++
		}
		next.namespaces.Lose(lost, drain(next.live.Load().cfg, session.Drained, removed))
		return true
	})
	return moved
}

// PackSplit puts the sessions that can move aside while meanwhile runs, and takes
// them back, as if the next process had refused them.
func (s *Server) PackSplit(meanwhile func()) (packed int) {
	s.frames.Move(64, true, func(parcels []*relay.Parcel) bool {
		if packed == 0 { // each loop has its turn
			meanwhile()
		}
		packed += len(parcels)
		return false
	})
	return packed
}

func (s *Server) moveOne(t *testing.T, next *Server, p *relay.Parcel) (*session.Session, []string) {
	t.Helper()
	visitor, ok := s.namespaces.State(p.Fan.SID)
	if !ok {
		t.Fatalf("got no visitor for %q", p.Fan.SID)
	}
	from := struct {
		Session session.State
		Fan     *relay.FanState
		Visitor namespaces.State
	}{p.Session.State(), p.Fan, visitor}
	text, err := json.Marshal(from)
	if err == nil {
		from.Fan = nil
		err = json.Unmarshal(text, &from)
	}
	if err != nil {
		t.Fatal(err)
	}
	var descriptors []int
	for _, fd := range p.Descriptors {
		fd, err := syscall.Dup(fd)
		if err != nil {
			t.Fatal(err)
		}
		descriptors = append(descriptors, fd)
	}
	a, err := next.live.Load().split.Unpack(from.Visitor, from.Session, from.Fan, descriptors)
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	x := next.sessions.Restore(from.Session)
	return x, a.Commit(x)
}

// Staying counts sessions by what keeps them from moving.
func (s *Server) Staying() map[string]int { return s.frames.Staying() }

// InUse returns how many sessions are counted on an upstream's endpoints.
func (s *Server) InUse(upstream string) (n int) {
	for _, e := range s.live.Load().pool.Get(upstream).Endpoints() {
		n += e.Sessions()
	}
	return n
}

// NamespaceStats are those of the server of namespaces.
func (s *Server) NamespaceStats() namespaces.Stats { return s.namespaces.Stats() }

// Resign has heir take the place of s, and returns what gives it what can move.
func (s *Server) Resign(t *testing.T, heir *handover.Heir) (yield func()) {
	t.Helper()
	if err := s.resign(heir); err != nil {
		t.Fatal(err)
	}
	return func() { s.yield(heir); close(s.succession.done) }
}
