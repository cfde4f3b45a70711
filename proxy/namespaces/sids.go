package namespaces

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"hash/maphash"
	"sync"

	"usher/proxy/engineio"
)

// newSID returns a sid as the reference server makes them: 120 random bits in
// 20 characters. Whoever knows one is its client.
func newSID() string {
	var b [15]byte
	rand.Read(b[:]) // never fails
	return base64.URLEncoding.EncodeToString(b[:])
}

// newSID returns one for a client of that revision. In a fleet it leads here from
// every node.
func (s *Server) newSID(v engineio.Version) string {
	if s.Owners != nil {
		return s.Owners.NewSID(v)
	}
	return newSID()
}

// Has tells whether a session with that sid is here. It waits for one that may be on
// its way.
func (s *Server) Has(ctx context.Context, sid string) bool { return s.find(ctx, sid) != nil }

const shards = 64

// sids finds the visitor of a sid. How many there are is bounded by the limits
// of the routes.
type sids struct {
	seed  maphash.Seed
	shard [shards]struct {
		mu    sync.RWMutex
		known map[string]*visitor // guarded by mu
	}
}

func newSIDs() *sids {
	m := &sids{seed: maphash.MakeSeed()}
	for i := range m.shard {
		m.shard[i].known = make(map[string]*visitor)
	}
	return m
}

func (m *sids) index(sid string) int { return int(maphash.String(m.seed, sid) % shards) }

// find returns the visitor of a sid, or nil.
func (m *sids) find(sid string) *visitor {
	s := &m.shard[m.index(sid)]
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.known[sid]
}

// add gives v its sid, unless v is gone already or somebody else has it, who has
// not moved.
func (m *sids) add(sid string, v *visitor) bool {
	s := &m.shard[m.index(sid)]
	s.mu.Lock()
	defer s.mu.Unlock()
	other := s.known[sid]
	if other != nil && !other.hasMoved() {
		return false
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.gone {
		return false
	}
	v.sid = sid
	s.known[sid] = v
	return true
}

// forget takes v's sid from it, now and for ever.
func (m *sids) forget(v *visitor) {
	v.mu.Lock()
	sid, gone := v.sid, v.gone
	v.gone = true
	v.mu.Unlock()
	if gone || sid == "" {
		return
	}
	s := &m.shard[m.index(sid)]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known[sid] == v {
		delete(s.known, sid)
	}
}

// len returns how many sids are known.
func (m *sids) len() int {
	n := 0
	for i := range m.shard {
		s := &m.shard[i]
		s.mu.RLock()
		n += len(s.known)
		s.mu.RUnlock()
	}
	return n
}
