package relay

import "usher/proxy/ws"

// send passes p on to l, unless its end has been announced to it.
func (lp *loop) send(l *leg, p []byte) {
	if len(p) == 0 || l.is(sentClose|closed) {
		return
	}
	l.pair.passed = lp.now
	lp.write(&l.line, p)
}

// sendFrame sends a control frame of usher's own. It must stand between two
// frames.
func (lp *loop) sendFrame(l *leg, op ws.Opcode, payload []byte) {
	if lp.tapping.taps != nil {
		lp.showOwn(l.pair.session, &l.line, "", op, payload)
	}
	var key *[4]byte
	if l.side == upstream { // there usher is the client
		key = newKey()
	}
	lp.frame = ws.AppendFrame(lp.frame[:0], op, payload, key)
	lp.write(&l.line, lp.frame)
}

// stuck has l looked at when it goes on taking nothing.
func (p *pair) stuck(lp *loop, l *line) {
	if t := p.options.WriteTimeout; t > 0 {
		lp.timers.schedule(p, l.moved+t)
	}
}

// freed has the peer of l read again.
func (p *pair) freed(lp *loop, l *line, b *backlog) {
	if l.side == upstream {
		p.spent.Unread(b.since, lp.now)
	}
	lp.enqueue(&p.legs[1-l.side].line)
}
