package relay

import (
	"usher/proxy/ws"
)

// greedyReads is how often a line that never stops sending is read when it has
// its turn.
const greedyReads = 4

// pump reads from l and passes it on, while there is something to read and the
// peer takes it.
func (lp *loop) pump(l *leg) {
	for range lp.reads {
		if !l.is(readable) || l.is(finished|closed) || l.peer().backlogged() {
			return
		}
		if n := lp.spliceable(l); n > 0 && !lp.tapping.waits(&l.line) {
			lp.splice(l, n)
			continue
		}
		lp.read(&l.line)
	}
	if l.is(readable) && !l.is(finished|closed) && !l.peer().backlogged() {
		lp.postpone(&l.line)
	}
}

// take passes on what was read from l.
func (p *pair) take(lp *loop, l *line, b []byte, fresh int) {
	from := &p.legs[l.side]
	if lp.tapping.taps != nil {
		lp.show(p.session, l, "", b, from.check.Remaining())
	}
	lp.pass(from, b, fresh)
}

// pass checks p, which begins with the bytes that l had held back and of which
// fresh ones are new, and passes on to the peer what may pass.
func (lp *loop) pass(l *leg, p []byte, fresh int) {
	to, rules := l.peer(), l.pair.options.rules(l.side)
	l.held = nil
	from, at := 0, 0 // p[from:at] is to be sent
	controls := 0
	for at < len(p) && !l.is(ignored) {
		q := p[at:]
		if to.is(dueClose) { // stop where the frame ends
			q = q[:min(int64(len(q)), l.check.Remaining())]
		}
		n, kind, err := l.check.Next(&rules, q)
		at += n
		if err != nil {
			lp.send(to, p[from:at])
			lp.broke(l, err)
			from = at
			break
		}
		if kind == ws.Control {
			controls++
			frame := l.check.Control(p[at:], &lp.scratch)
			if !lp.control(l, frame) {
				lp.send(to, p[from:at])
				from = at + frame.Size
			}
			at += frame.Size
		}
		if to.is(dueClose) && l.check.Boundary() {
			lp.send(to, p[from:at])
			from = at
			lp.sendClose(to)
		}
		if kind == ws.Short {
			lp.send(to, p[from:at])
			l.held = append(l.held, p[at:]...)
			from = at
			break
		}
	}
	if from < at {
		lp.send(to, p[from:at])
	}
	if l.is(ignored) {
		to.set(sentClose)
	}
	lp.account(l, fresh, controls)
}

// account counts what came from l: fresh bytes, the messages they ended, and
// controls control frames, which max_rate takes for messages.
func (lp *loop) account(l *leg, fresh, controls int) {
	p := l.pair
	counters := &p.session.FromClient
	if l.side == upstream {
		counters = &p.session.FromUpstream
	}
	messages := l.check.Messages() - l.counted
	l.counted += messages
	counters.Bytes.Add(uint64(fresh))
	if messages > 0 || controls == 0 {
		counters.Last.Store(lp.began + int64(lp.now))
	}
	if messages > 0 {
		counters.Messages.Add(uint64(messages))
	}
	open := l.check.Open()
	if t := p.options.MessageTimeout; l.clock(lp.now, open, messages > 0 || controls > 0 && !open) && t > 0 {
		lp.timers.schedule(p, l.began+t)
	}
	if l.side == client && !l.is(ignored) && !p.spent.Spend(lp.now, int(messages)+controls, fresh) {
		lp.overRate(l)
	}
}
