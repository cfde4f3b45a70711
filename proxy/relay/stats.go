package relay

import "sync/atomic"

// Stats is a Group at one moment.
type Stats struct {
	Sessions []int // of each loop, those being closed included
}

// Upgrades count what became of WebSockets that clients opened to sessions that
// poll. They may be shared by any number of sessions.
type Upgrades struct {
	Done   atomic.Uint64 // those that took over
	Failed atomic.Uint64 // those that did not, while the session went on
}

// Stats returns the group's numbers.
func (g *Group) Stats() Stats {
	s := Stats{Sessions: make([]int, len(g.loops))}
	for i, lp := range g.loops {
		s.Sessions[i] = int(lp.load.Load())
	}
	return s
}
