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
		case l.is(finished|cutting) || l.is(sentClose) && l.is(ignored) && !l.is(broken):
			lp.closeLeg(l)
		case l.is(sentClose) && l.is(broken) && !l.is(shut):
			// Closing now, with input unread, would reset the connection
			// and take the Close frame with it.
			lp.shutLeg(l)
		}
	}
	if p.over() {
		lp.finish(p)
	}
}

// shutLeg ends what is sent to l, which may still send.
func (lp *loop) shutLeg(l *leg) {
	if l.tls != nil && !l.is(deaf) {
		lp.sayGoodbye(l) // once: crypto/tls keeps count
	}
	if !l.backlogged() {
		l.set(shut)
		l.socket.shutdown()
	}
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
	if l.tls != nil && !l.is(deaf) && !l.backlogged() {
		lp.sayGoodbye(l)
	}
	lp.drop(l)
	lp.poller.remove(l)
	l.socket.close()
	l.set(closed)
	l.held = nil
	lp.enqueue(l.peer)
}

// finish takes p off the loop and ends its session.
func (lp *loop) finish(p *pair) {
	if _, ok := lp.pairs[p]; !ok {
		return
	}
	delete(lp.pairs, p)
	lp.load.Add(-1)
	lp.timers.drop(p)
	p.session.End(session.End{Cause: p.end.cause, Code: uint16(p.end.code), Time: lp.epoch.Add(lp.now), Err: p.end.err})
	p.release()
}
