package relay

import "usher/proxy/session"

// settle closes the sockets of p that have nothing more to do, and ends the
// session when both are closed.
func (lp *loop) settle(p *pair) {
	if !p.closing() {
		return
	}
	for i := range p.legs {
		l := &p.legs[i]
		switch {
		case l.is(closed) || l.backlogged() && !l.is(finished|deaf):
		case l.is(finished|cutting) || l.parted() && (l.side == client || lp.clings(p)):
			lp.closeLeg(l)
		case l.is(sentClose) && l.is(broken) && !l.is(shut):
			// Closing now, with input unread, would reset the connection
			// and take the Close frame with it.
			lp.shutLine(&l.line)
		}
	}
	if p.over() {
		lp.finish(p)
	}
}

// clings tells whether p's upstream, from which p has parted, had the time to
// close its connection. The first call begins it.
func (lp *loop) clings(p *pair) bool {
	if p.end.partBy == 0 {
		p.end.partBy = lp.now + partTimeout
		lp.timers.schedule(p, p.end.partBy)
	}
	return lp.now >= p.end.partBy
}

// cut closes what is left of p.
func (lp *loop) cut(p *pair) {
	lp.closeLeg(&p.legs[client])
	lp.closeLeg(&p.legs[upstream])
}

// closeLeg closes l's socket. Its peer is read again: what it still sends
// stands before its answer to a Close frame.
func (lp *loop) closeLeg(l *leg) {
	if l.is(closed) {
		return
	}
	lp.closeLine(&l.line)
	lp.enqueue(&l.peer().line)
}

// finish takes p off the loop and ends its session.
func (lp *loop) finish(p *pair) {
	if lp.pairs[p.session] != p {
		return
	}
	delete(lp.pairs, p.session)
	lp.load.Add(-1)
	lp.timers.drop(p)
	p.session.End(session.End{Cause: p.end.cause, Code: uint16(p.end.code), Time: lp.epoch.Add(lp.now), Err: p.end.err})
	p.release()
	lp.vacate()
}
