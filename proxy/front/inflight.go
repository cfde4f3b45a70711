package front

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"

	"usher/proxy/limits"
)

// phase is how far a client, or a request, has come.
type phase uint8

// The first ones are of connections, the others of requests.
const (
	fresh       phase = iota // accepted; no whole head has come
	greeted                  // by HTTP/2, and nothing was asked for yet
	asked                    // a head has come, and its handler has not begun
	served                   // by a handler, or waits for another request
	idle                     // it was answered, and may ask for more
	handshaking              // a handshake is on its way
	parked                   // a request waits without net/http
	departs                  // it moves to another process
	phases
)

// unsettled are the phases of those who came here, and do not know yet what
// becomes of what they want.
var unsettled = []phase{fresh, greeted, asked, handshaking, departs}

// everything is all phases.
var everything = []phase{fresh, greeted, asked, served, idle, handshaking, parked, departs}

// inflight knows all connections from the accept to the close or the hijack,
// and the requests that go on without one: net/http itself tells nobody when the
// last one is gone. A client is always in some phase, from the accept to the end
// of its handshake; it changes from one to the next at once.
type inflight struct {
	// static after construction
	stopping context.Context // done when no handshake is wanted any more
	stop     context.CancelFunc
	counts   *limits.Connections
	why      error           // of the handshakes that are cancelled then
	wanted   context.Context // done when who asks for nothing is not wanted any more
	refuse   context.CancelFunc

	// guarded by mu
	mu       sync.Mutex
	conns    map[io.Closer]presence
	count    [phases]int
	emptied  chan struct{} // closed when a phase has lost its last; nil if nobody waits
	noFresh  bool          // who asks for nothing is not wanted any more
	noShakes bool          // nor handshakes
}

// presence is one connection.
type presence struct {
	phase
	peer netip.Addr // that it counts for; invalid for nobody
}

func newInflight(why error, counts *limits.Connections) *inflight {
	f := &inflight{why: why, counts: counts, conns: make(map[io.Closer]presence)}
	f.stopping, f.stop = context.WithCancel(context.Background())
	f.wanted, f.refuse = context.WithCancel(context.Background())
	return f
}

// change is the ConnState hook of HTTP/1.
func (f *inflight) change(c net.Conn, state http.ConnState) {
	c.(accepted).follow(state)
	switch state {
	case http.StateNew:
		f.add(c, fresh)
	case http.StateActive:
		f.move(c, asked)
	case http.StateIdle:
		f.move(c, served)
	case http.StateHijacked, http.StateClosed:
		f.remove(c)
	}
}

// changeH2 is that of HTTP/2, where handlers alone say that somebody has asked.
func (f *inflight) changeH2(c net.Conn, state http.ConnState) {
	if state == http.StateClosed {
		f.remove(c)
	}
}

// add begins with c, or begins anew. One that asks for nothing is closed if it
// is not wanted any more.
func (f *inflight) add(c io.Closer, to phase) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before, here := f.conns[c]
	if one, ok := c.(*client); ok && !here {
		before.peer = one.counts
		f.counts.Hold(before.peer)
	}
	if here {
		f.leave(before.phase)
	}
	f.conns[c] = presence{to, before.peer}
	f.count[to]++
	if f.noFresh && closable(to) {
		c.Close()
	}
}

// all returns those that are in one of the phases.
func (f *inflight) all(in ...phase) (list []io.Closer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c, at := range f.conns {
		if slices.Contains(in, at.phase) {
			list = append(list, c)
		}
	}
	return list
}

// swap has c be somebody else, in another phase.
func (f *inflight) swap(old, c io.Closer, to phase) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count[to]++
	before, here := f.conns[old]
	if delete(f.conns, old); here {
		f.leave(before.phase)
	}
	f.conns[c] = presence{to, before.peer}
}

// move has c be in another phase, if it is there.
func (f *inflight) move(c io.Closer, to phase) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.put(c, to)
}

func (f *inflight) put(c io.Closer, to phase) {
	if from, ok := f.conns[c]; ok && from.phase != to {
		f.conns[c] = presence{to, from.peer}
		f.count[to]++
		f.leave(from.phase)
	}
}

// uncount has c count for nobody: what becomes of it does so itself.
func (f *inflight) uncount(c io.Closer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if at, ok := f.conns[c]; ok {
		f.counts.Leave(at.peer)
		f.conns[c] = presence{phase: at.phase}
	}
}

// remove ends with c.
func (f *inflight) remove(c io.Closer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.end(c)
}

func (f *inflight) end(c io.Closer) {
	if from, ok := f.conns[c]; ok {
		delete(f.conns, c)
		f.counts.Leave(from.peer)
		f.leave(from.phase)
	}
}

// park counts a request that leaves its connection, and unpark ends with it.
func (f *inflight) park() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count[parked]++
}

func (f *inflight) unpark() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.leave(parked)
}

// leave takes one out of a phase. The caller holds mu.
func (f *inflight) leave(from phase) {
	if f.count[from]--; f.count[from] == 0 && f.emptied != nil {
		close(f.emptied)
		f.emptied = nil
	}
}

// wait returns when nobody is in any of these phases, or why ctx is done.
func (f *inflight) wait(ctx context.Context, in []phase) error {
	for {
		emptied := f.occupied(in)
		if emptied == nil {
			return nil
		}
		select {
		case <-emptied:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// occupied returns what is closed when one of the phases may be empty that are
// not, nil if all are.
func (f *inflight) occupied(in []phase) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range in {
		if f.count[p] == 0 {
			continue
		}
		if f.emptied == nil {
			f.emptied = make(chan struct{})
		}
		return f.emptied
	}
	return nil
}

// closeFresh closes those that asked for nothing yet, and those that come back
// for more, now and from now on: http.Server.Shutdown would wait five seconds
// for them. HTTP/2 has words of its own for it.
func (f *inflight) closeFresh() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.noFresh = true
	f.refuse()
	for c, in := range f.conns {
		if closable(in.phase) {
			c.Close()
		}
	}
}

func closable(p phase) bool { return p == fresh || p == idle }
