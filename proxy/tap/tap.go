package tap

import (
	"sync/atomic"

	"usher/proxy/session"
)

// Bounds of what a tap wants of each frame.
const (
	MaxBytes     = 4 << 10
	DefaultBytes = 256
)

// Options say what a tap is for.
type Options struct {
	Route   string // session.Session.Route; "" for all
	Session string // its id; "" for all
	Bytes   int    // of the beginning of each payload, MaxBytes at most
}

// Tap is one operator's look. Any goroutine may put frames; one takes them.
type Tap struct {
	Options
	hub *Hub

	// A queue as that of Dmitry Vyukov: a place says by its turn who may use
	// it, the writer of number turn or the reader of number turn-1.
	places []place
	tail   atomic.Uint64 // number of the next frame that is put
	head   uint64        // of the next that is taken; the reader's
	missed atomic.Uint64 // frames that found no place, since the beginning
	told   uint64        // of those, the reader's
}

type place struct {
	turn atomic.Uint64

	frame   Frame
	missed  uint64 // Tap.missed before it
	payload []byte // its capacity is Bytes
}

// ringSize is how many frames wait for the reader, a power of two.
const ringSize = 1024

func newTap(h *Hub, o Options) *Tap {
	t := &Tap{Options: o, hub: h, places: make([]place, ringSize)}
	store := make([]byte, ringSize*o.Bytes)
	for i := range t.places {
		p := &t.places[i]
		p.turn.Store(uint64(i))
		p.payload = store[i*o.Bytes : i*o.Bytes : (i+1)*o.Bytes]
	}
	return t
}

// Close ends the tap: nothing more is put. It may be called more than once.
func (t *Tap) Close() { t.hub.close(t) }

func (t *Tap) takes(s *session.Session) bool {
	return (t.Route == "" || t.Route == s.Route) && (t.Session == "" || t.Session == s.ID)
}

// room tells whether put would find a place.
func (t *Tap) room() bool {
	at := t.tail.Load()
	return t.places[at%ringSize].turn.Load() >= at
}

// put copies a frame to the ring, or counts it where that is full.
func (t *Tap) put(f *Frame, payload []byte) {
	for {
		at := t.tail.Load()
		p := &t.places[at%ringSize]
		switch turn := p.turn.Load(); {
		case turn == at:
			if !t.tail.CompareAndSwap(at, at+1) {
				continue
			}
			p.frame, p.missed = *f, t.missed.Load()
			p.payload = append(p.payload[:0], payload[:min(len(payload), t.Bytes)]...)
			p.turn.Store(at + 1)
			return
		case turn < at: // the reader has not taken what is ringSize frames older
			t.missed.Add(1)
			return
		}
	}
}

// Take calls see for the frames that wait, most at most, in the order in which
// they came, and returns how many there were. missed is how many frames before
// this one found no place. payload is the ring's, valid during the call.
func (t *Tap) Take(most int, see func(f *Frame, payload []byte, missed uint64)) (taken int) {
	for ; taken < most; taken++ {
		p := &t.places[t.head%ringSize]
		if p.turn.Load() != t.head+1 {
			break
		}
		missed := max(p.missed, t.told) - t.told
		t.told += missed
		see(&p.frame, p.payload, missed)
		p.frame.Session = nil // which may be over, and is not kept by this
		p.turn.Store(t.head + ringSize)
		t.head++
	}
	return taken
}

// Missed returns how many frames found no place and were not told yet. It is
// for when nothing waits.
func (t *Tap) Missed() uint64 {
	n := t.missed.Load() - t.told
	t.told += n
	return n
}
