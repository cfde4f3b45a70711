package session

import (
	"slices"
	"sync"
	"sync/atomic"
)

// Registry holds the live sessions of one process, and counts all that were.
type Registry struct {
	onEnd func(*Session, End) // static after construction

	// guarded by mu
	mu     sync.Mutex
	live   map[*Session]struct{}
	last   uint64 // number of the newest session
	opened uint64
	totals map[totalKey]*total
	ended  ring

	duplicates atomic.Uint64
}

// NewRegistry returns an empty registry that calls onEnd once for each session
// that ends, from the goroutine that ended it. onEnd must not block.
func NewRegistry(onEnd func(*Session, End)) *Registry {
	return &Registry{onEnd: onEnd, live: make(map[*Session]struct{}), totals: make(map[totalKey]*total)}
}

// Open adds a session that begins now.
func (r *Registry) Open(info Info) *Session {
	s := &Session{Info: info, registry: r}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	r.opened++
	s.Number = r.last
	s.total = r.totalOf(info.Route, info.Upstream)
	s.total.open(info)
	r.live[s] = struct{}{}
	return s
}

func (r *Registry) remove(s *Session, e End) {
	r.mu.Lock()
	delete(r.live, s)
	s.total.end(s, e)
	r.ended.add(Ended{s, e})
	r.mu.Unlock()
	r.onEnd(s, e)
}

// Live returns the live sessions, the newest first.
func (r *Registry) Live() []*Session {
	r.mu.Lock()
	list := make([]*Session, 0, len(r.live))
	for s := range r.live {
		list = append(list, s)
	}
	r.mu.Unlock()
	slices.SortFunc(list, func(a, b *Session) int { return int(b.Number) - int(a.Number) })
	return list
}

// Ended returns the sessions that ended last, the latest first: as many as
// there were, but 1,000 at most.
func (r *Registry) Ended() []Ended {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ended.list()
}

// Stats is a registry at one moment.
type Stats struct {
	Open       int
	Opened     uint64
	Duplicates uint64 // ends of sessions that had ended: always 0
}

// Stats returns the registry's numbers.
func (r *Registry) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Stats{Open: len(r.live), Opened: r.opened, Duplicates: r.duplicates.Load()}
}
