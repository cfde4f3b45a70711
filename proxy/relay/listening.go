package relay

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Acceptor is who a Listening's clients are for. All loops call it, each in its
// turn.
type Acceptor interface {
	// Accepted returns the owner of a client that was accepted, nil to close it.
	Accepted(s *Seat) Owner
	// Troubled says that a loop can accept nobody for now. It comes back by
	// itself, as the system runs out of something.
	Troubled(err error)
	// Failed says that nobody is accepted any more. It is called once at most.
	Failed(err error)
}

// Listening is a listener whose clients are accepted by the loops of a group.
type Listening struct {
	// static after construction
	group    *Group
	acceptor Acceptor
	ends     *ends // of every client, as far as they are the same
	entrance entrance

	failed atomic.Bool
	once   sync.Once
}

// A loop that is in trouble comes back after this time, and after twice that,
// and so on, as net/http has it.
const (
	firstDelay = 5 * time.Millisecond
	lastDelay  = time.Second
)

// Listen has the loops accept the clients of l, which is the caller's to close,
// once the Listening is.
func (g *Group) Listen(l net.Listener, a Acceptor) (*Listening, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, ErrClosed
	}
	at := &Listening{group: g, acceptor: a, ends: endsOf(l.Addr())}
	if err := at.open(l); err != nil {
		return nil, err
	}
	g.listenings[at] = struct{}{}
	return at, nil
}

// endsOf returns what is the same for all clients of a listener.
func endsOf(a net.Addr) *ends {
	e := &ends{network: a.Network()}
	switch a := a.(type) {
	case *net.TCPAddr:
		if !a.IP.IsUnspecified() {
			e.local = a
		}
	case *net.UnixAddr:
		e.local, e.remote = a, &net.UnixAddr{Name: "@", Net: "unix"} // as package net has it
	}
	return e
}

// Close returns when no loop accepts clients any more; each who was accepted has
// its owner then. It must not be called by a loop.
func (at *Listening) Close() {
	at.once.Do(func() {
		at.close()
		at.group.sync() // clients may be on their way from one loop to another
		at.group.mu.Lock()
		defer at.group.mu.Unlock()
		delete(at.group.listenings, at)
	})
}

// sync returns when each loop has done what was posted to it before.
func (g *Group) sync() { g.each(func(*loop) {}) }

// each has f run by every loop that has not ended, and returns when that is
// done.
func (g *Group) each(f func(lp *loop)) {
	var done sync.WaitGroup
	for _, lp := range g.loops {
		done.Add(1)
		if !lp.post(func(lp *loop) { defer done.Done(); f(lp) }) {
			done.Done()
		}
	}
	done.Wait()
}

// welcome takes in a client that was accepted.
func (at *Listening) welcome(s *Seat) {
	if err := s.loop.settleIn(s); err != nil {
		if !s.loop.ended {
			at.acceptor.Troubled(err)
		}
		return
	}
	g := at.acceptor.Accepted(s)
	switch {
	case s.is(vacated):
	case g == nil:
		s.Close()
	default:
		s.owner = g
	}
}

// fail says once that it is over.
func (at *Listening) fail(err error) {
	if at.failed.CompareAndSwap(false, true) {
		at.acceptor.Failed(&net.OpError{Op: "accept", Net: at.ends.network, Addr: at.ends.local, Err: err})
	}
}
