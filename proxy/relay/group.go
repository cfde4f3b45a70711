package relay

import (
	"cmp"
	"context"
	"maps"
	"runtime"
	"slices"
	"sync"
	"time"

	"usher/proxy/session"
	"usher/proxy/tap"
)

// Group is the loops of a process, one for each processor.
type Group struct {
	// static after construction
	loops []*loop
	done  sync.WaitGroup
	taps  tap.Hub

	mu         sync.Mutex
	listenings map[*Listening]struct{} // guarded by mu
	closed     bool                    // guarded by mu
}

// Taps is where the group shows its frames.
func (g *Group) Taps() *tap.Hub { return &g.taps }

// NewGroup starts the loops. Close ends them.
func NewGroup() (*Group, error) {
	g := &Group{listenings: make(map[*Listening]struct{})}
	for range runtime.GOMAXPROCS(0) {
		lp, err := newLoop()
		if err != nil {
			g.Close()
			return nil, err
		}
		lp.tapping.hub = &g.taps
		g.loops = append(g.loops, lp)
		g.done.Go(lp.run)
	}
	return g, nil
}

// Adopt gives both legs of s to a loop, which relays between them until the
// session ends, and then calls s.End and release, once each. It takes
// ownership of both connections: the caller never touches them again, whatever
// happens. o is shared and must not change any more.
func (g *Group) Adopt(s *session.Session, c, u Leg, o *Options, release func()) {
	p := newPair(s, o, release)
	earlyC, errC := p.legs[client].init(c.Conn, c.Early)
	earlyU, errU := p.legs[upstream].init(u.Conn, u.Early)
	p.legs[client].tied, p.legs[upstream].tied = c.Tied, u.Tied
	if errC != nil || errU != nil {
		p.fail(cmp.Or(errC, errU))
		return
	}
	lp := g.choose()
	lp.load.Add(1)
	if !lp.post(func(lp *loop) { lp.adopt(p, earlyC, earlyU) }) {
		lp.refuseAdoption(p, ErrClosed)
	}
}

// choose returns a loop with fewest sessions and seats.
func (g *Group) choose() *loop {
	best := g.loops[0]
	for _, lp := range g.loops[1:] {
		if lp.clients() < best.clients() {
			best = lp
		}
	}
	return best
}

// Drain tells the peers of the sessions that concern says that usher ends them,
// and returns before it has: concern is called by the loops. Sessions that are
// adopted later are not meant.
func (g *Group) Drain(d session.Drain, concern func(*session.Session) bool) {
	for k, lp := range g.loops {
		mine := share{k, len(g.loops)}
		lp.post(func(lp *loop) { lp.drain(&d, mine, concern) })
	}
}

// DrainSome is Drain for those of some that are here, however many others there are.
func (g *Group) DrainSome(d session.Drain, some map[*session.Session]bool) {
	for k, lp := range g.loops {
		mine := share{k, len(g.loops)}
		lp.post(func(lp *loop) { lp.drainSome(&d, mine, some) })
	}
}

// Shutdown tells every peer so, with a Close frame between two frames, and
// waits until all sessions are over; what is left when ctx ends is cut, whatever
// d says of that. A session that is adopted later is told at once. The loops go
// on until Close.
func (g *Group) Shutdown(ctx context.Context, d session.Drain) error {
	if until, ok := ctx.Deadline(); ok {
		d.Until = until.Add(time.Second) // cut from here, so that it is known
	}
	g.stop(&d)
	over := make(chan struct{})
	go func() { g.awaitEmpty(); close(over) }()
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		d.Over, d.Until = 0, time.Now()
		g.stop(&d)
		<-over
		return context.Cause(ctx)
	}
}

// stop drains the loops, for good.
func (g *Group) stop(d *session.Drain) {
	now := *d
	for k, lp := range g.loops {
		mine := share{k, len(g.loops)}
		lp.post(func(lp *loop) { lp.shutdown(&now, mine) })
	}
}

// awaitEmpty returns when no loop has a session. One may come to a loop that was
// asked while another is waited for.
func (g *Group) awaitEmpty() {
	for {
		for _, lp := range g.loops {
			empty := make(chan struct{})
			if lp.post(func(lp *loop) { lp.whenEmpty(empty) }) {
				<-empty
			}
		}
		if g.sessions() == 0 {
			return
		}
	}
}

func (g *Group) sessions() (n int64) {
	for _, lp := range g.loops {
		n += lp.load.Load()
	}
	return n
}

// Close ends the loops and returns when they have ended. Sessions that are left
// are cut, and owners lose their seats. It must not be called by a loop.
func (g *Group) Close() {
	for _, at := range g.shut() {
		at.Close()
	}
	for _, lp := range g.loops {
		lp.post((*loop).close)
	}
	g.done.Wait()
}

// shut lets nobody listen any more, and returns who still does.
func (g *Group) shut() []*Listening {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	return slices.Collect(maps.Keys(g.listenings))
}
