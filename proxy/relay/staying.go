package relay

// What keeps a session in its process.
const (
	staysTLS   = "TLS"
	staysHTTP2 = "HTTP/2"
	staysEnds  = "ending" // it is told to, or does
)

// Busy is what keeps a session for a moment: it dials, or is answered.
const Busy = "busy"

// Staying counts the sessions that there are by what keeps them from moving to
// another process; those that nothing keeps are not counted. It must not be
// called by a loop.
func (g *Group) Staying() map[string]int {
	all := make(map[string]int)
	for _, lp := range g.loops {
		done := make(chan struct{})
		if lp.post(func(lp *loop) { lp.staying(all); close(done) }) {
			<-done
		}
	}
	return all
}

func (lp *loop) staying(all map[string]int) {
	for p := range lp.pairs {
		if why := p.stays(); why != "" {
			all[why]++
		}
	}
	for f := range lp.fans {
		if f.closing() && f.end.told { // no more than a sid
			continue
		}
		if why := f.stays(); why != "" {
			all[why]++
		}
	}
}

// stays returns what keeps p here, "" if nothing does: it is in the midst of its
// life, and all of it is data.
func (p *pair) stays() string {
	if p.closing() || p.leave != nil {
		return staysEnds
	}
	if why := p.legs[client].stays(); why != "" {
		return why
	}
	return p.legs[upstream].stays()
}

// Movable tells whether another process could have the seat's connection.
func (s *Seat) Movable() bool {
	return !s.is(vacated|connecting) && !s.backlogged() && s.line.stays() == ""
}

// stays returns what keeps l here.
func (l *line) stays() string {
	switch {
	case l.tied:
		return staysHTTP2
	case l.tls != nil && l.records() == nil:
		return staysTLS
	case !moves || l.is(ignored|broken|finished|sentClose|dueClose|deaf|cutting|shut|closed):
		return staysEnds
	}
	return ""
}
