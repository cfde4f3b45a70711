package relay

import (
	"cmp"

	"usher/proxy/socket"
)

// What keeps a session in its process.
const (
	staysTLS     = "TLS"
	staysHTTP2   = "HTTP/2"
	staysRefused = "refused"   // by the other process, which cannot have it
	staysEnds    = "ending"    // it is told to, or does
	staysLeft    = "not taken" // nothing: the other process has not taken it
)

// Busy is what keeps a session for a moment: it dials, or is answered.
const Busy = "busy"

// Staying counts the sessions that there are by what keeps them from moving to
// another process. It must not be called by a loop.
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
	for _, p := range lp.pairs {
		all[cmp.Or(p.stays(), staysLeft)]++
	}
	for _, f := range lp.fans {
		if f.closing() && f.end.told { // no more than a sid
			continue
		}
		all[cmp.Or(f.stays(), staysLeft)]++
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
	case l.refused:
		return staysRefused
	case l.tls != nil && l.records() == nil:
		return staysTLS
	case !socket.Movable || l.is(ignored|broken|finished|sentClose|dueClose|deaf|cutting|shut|closed):
		return staysEnds
	}
	return ""
}
