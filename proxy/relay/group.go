package relay

import (
	"context"
	"runtime"
	"sync"
	"time"

	"usher/proxy/session"
)

// Group is the loops of a process, one for each processor.
type Group struct {
	loops []*loop
	done  sync.WaitGroup
}

// NewGroup starts the loops. Shutdown ends them.
func NewGroup() (*Group, error) {
	g := &Group{}
	for range runtime.GOMAXPROCS(0) {
		lp, err := newLoop()
		if err != nil {
			g.stop(time.Now())
			return nil, err
		}
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
	errC := p.legs[client].init(c.Conn)
	errU := p.legs[upstream].init(u.Conn)
	if errC != nil || errU != nil {
		p.fail(firstOf(errC, errU))
		return
	}
	lp := g.choose()
	lp.load.Add(1)
	if !lp.post(func(lp *loop) { lp.adopt(p, c.Early, u.Early) }) {
		lp.refuseAdoption(p, ErrClosed)
	}
}

// choose returns a loop with fewest sessions.
func (g *Group) choose() *loop {
	best := g.loops[0]
	for _, lp := range g.loops[1:] {
		if lp.load.Load() < best.load.Load() {
			best = lp
		}
	}
	return best
}

// Shutdown tells every peer that usher is going away, with a Close frame
// between two frames, and waits until all sockets are closed; what is left
// when ctx ends is cut. A session that is adopted later is told likewise.
func (g *Group) Shutdown(ctx context.Context) error {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(closeTimeout)
	}
	g.stop(deadline)
	over := make(chan struct{})
	go func() { g.done.Wait(); close(over) }()
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		g.stop(time.Now())
		<-over
		return context.Cause(ctx)
	}
}

// stop has the loops say farewell, and end when all is closed, at deadline at
// the latest.
func (g *Group) stop(deadline time.Time) {
	for _, lp := range g.loops {
		lp.post(func(lp *loop) { lp.shutdown(deadline.Sub(lp.epoch)) })
	}
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
