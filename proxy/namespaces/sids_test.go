package namespaces

import (
	"strings"
	"sync"
	"testing"
)

func TestSIDs(t *testing.T) {
	m, v, late := newSIDs(), &visitor{}, &visitor{}
	if !m.add("a", v) || m.find("a") != v {
		t.Error("got no visitor for a sid that was added")
	}
	if m.add("a", &visitor{}) {
		t.Error("got a sid for two visitors")
	}
	m.forget(late) // its session has ended before its sid was known
	if m.add("b", late) || m.find("b") != nil {
		t.Error("got a sid for a visitor that is gone")
	}
	m.forget(v)
	m.forget(v)
	if m.find("a") != nil || m.len() != 0 {
		t.Errorf("got %d sids, want none", m.len())
	}
}

func TestSIDsConcurrently(t *testing.T) {
	m := newSIDs()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 200 {
				v, sid := &visitor{}, newSID()
				all.Go(func() { m.forget(v) })
				if m.add(sid, v) {
					m.find(sid)
				}
			}
		})
	}
	all.Wait()
	if n := m.len(); n != 0 {
		t.Errorf("got %d sids, want none", n)
	}
}

// A sid has 120 random bits, and what a URL needs no escape for.
func TestNewSID(t *testing.T) {
	seen := make(map[string]bool)
	for range 1000 {
		sid := newSID()
		if len(sid) != 20 || seen[sid] || strings.ContainsAny(sid, "+/=") {
			t.Fatalf("got %q", sid)
		}
		seen[sid] = true
	}
}
