package relay

// Stats is a Group at one moment.
type Stats struct {
	Sessions []int // of each loop, those being closed included
}

// Stats returns the group's numbers.
func (g *Group) Stats() Stats {
	s := Stats{Sessions: make([]int, len(g.loops))}
	for i, lp := range g.loops {
		s.Sessions[i] = int(lp.load.Load())
	}
	return s
}
