package session

import (
	"sync"
	"sync/atomic"
)

// Registry holds the live sessions of one process.
type Registry struct {
	onEnd func(*Session, End) // static after construction

	mu   sync.Mutex
	live map[*Session]struct{} // guarded by mu

	opened     atomic.Uint64
	duplicates atomic.Uint64
}

// NewRegistry returns an empty registry that calls onEnd once for each session
// that ends, from the goroutine that ended it. onEnd must not block.
func NewRegistry(onEnd func(*Session, End)) *Registry {
	return &Registry{onEnd: onEnd, live: make(map[*Session]struct{})}
}

// Open adds a session that begins now.
func (r *Registry) Open(info Info) *Session {
	s := &Session{Info: info, registry: r}
	r.mu.Lock()
	r.live[s] = struct{}{}
	r.mu.Unlock()
	r.opened.Add(1)
	return s
}

func (r *Registry) remove(s *Session, e End) {
	r.mu.Lock()
	delete(r.live, s)
	r.mu.Unlock()
	r.onEnd(s, e)
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
	open := len(r.live)
	r.mu.Unlock()
	return Stats{Open: open, Opened: r.opened.Load(), Duplicates: r.duplicates.Load()}
}
