package tap

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"usher/proxy/session"
)

// MaxTaps is how many taps there may be at once.
const MaxTaps = 4

// ErrTooMany says that there are MaxTaps.
var ErrTooMany = errors.New("4 taps are open, and there may not be more at once")

// Hub is where relays show frames and operators see them. The zero value has
// no taps.
type Hub struct {
	mu   sync.Mutex // held while taps changes
	taps atomic.Pointer[Taps]
}

// Taps are the taps of one moment. They are not changed.
type Taps struct {
	list  []*Tap
	bytes int // the most that one of them wants of a frame
}

// Taps returns those that are there, nil if there are none.
func (h *Hub) Taps() *Taps { return h.taps.Load() }

// Open adds a tap. Whoever opens it closes it.
func (h *Hub) Open(o Options) (*Tap, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []*Tap
	if now := h.taps.Load(); now != nil {
		list = slices.Clone(now.list)
	}
	if len(list) >= MaxTaps {
		return nil, ErrTooMany
	}
	t := newTap(h, o)
	h.set(append(list, t))
	return t, nil
}

func (h *Hub) close(t *Tap) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.taps.Load()
	if now == nil {
		return
	}
	h.set(slices.DeleteFunc(slices.Clone(now.list), func(x *Tap) bool { return x == t }))
}

// set makes list the taps. The caller holds mu.
func (h *Hub) set(list []*Tap) {
	if len(list) == 0 {
		h.taps.Store(nil)
		return
	}
	next := &Taps{list: list}
	for _, t := range list {
		next.bytes = max(next.bytes, t.Bytes)
	}
	h.taps.Store(next)
}

// Take tells whether one of the taps is for s.
func (ts *Taps) Take(s *session.Session) bool {
	if ts == nil {
		return false
	}
	for _, t := range ts.list {
		if t.takes(s) {
			return true
		}
	}
	return false
}

// room tells whether one of the taps has a place for a frame.
func (ts *Taps) room() bool {
	if ts == nil {
		return false
	}
	for _, t := range ts.list {
		if t.room() {
			return true
		}
	}
	return false
}

// Show shows f, of which payload is the beginning, to the taps that are for its
// session. Nothing of payload is kept.
func (ts *Taps) Show(f Frame, payload []byte) {
	if ts == nil {
		return
	}
	if !f.readable() {
		payload = nil
	}
	for _, t := range ts.list {
		if t.takes(f.Session) {
			t.put(&f, payload)
		}
	}
}
