package relay

import (
	"time"

	"usher/proxy/session"
	"usher/proxy/ws"
)

// leave is when and how usher ends a pair.
type leave struct {
	drain *session.Drain
	at    time.Duration // when its peers are told
	cutAt time.Duration // when what is left of it is closed
}

// share is a loop's part of the group's work: turn k of every n.
type share struct{ k, n int }

// drain ends the pairs and fans whose sessions concern says, all if it is nil.
func (lp *loop) drain(d *session.Drain, mine share, concern func(*session.Session) bool) {
	var leaving []*pair
	for _, p := range lp.pairs {
		if concern == nil || concern(p.session) {
			leaving = append(leaving, p)
		}
	}
	var fans []*fan
	for _, f := range lp.fans {
		if concern == nil || concern(f.session) {
			fans = append(fans, f)
		}
	}
	lp.leaveEach(d, mine, leaving, fans)
}

// drainSome ends those that it has.
func (lp *loop) drainSome(d *session.Drain, mine share, some map[*session.Session]bool) {
	var leaving []*pair
	var fans []*fan
	for x := range some {
		if p := lp.pairs[x]; p != nil {
			leaving = append(leaving, p)
		}
		if f := lp.fans[x]; f != nil {
			fans = append(fans, f)
		}
	}
	lp.leaveEach(d, mine, leaving, fans)
}

// leaveEach has each told. Each loop spaces its own as if all had as many, so that they
// need not ask each other.
func (lp *loop) leaveEach(d *session.Drain, mine share, leaving []*pair, fans []*fan) {
	gap := d.Gap((len(leaving) + len(fans)) * mine.n)
	at := lp.now + time.Duration(mine.k)*gap
	for _, p := range leaving {
		lp.leaveAt(p, at, d)
		at += time.Duration(mine.n) * gap
	}
	for _, f := range fans {
		f.leaveAt(at, d)
		at += time.Duration(mine.n) * gap
	}
}

// shutdown drains all that there is, and what comes later.
func (lp *loop) shutdown(d *session.Drain, mine share) {
	lp.stopping = true
	lp.last = d
	lp.drain(d, mine, nil)
}

// leaveAt has p told at the given time. Of two drains the earlier times count.
func (lp *loop) leaveAt(p *pair, at time.Duration, d *session.Drain) {
	cutAt := d.Until.Sub(lp.epoch)
	if p.closing() {
		if cutAt < p.end.cutAt {
			lp.cutBy(p, cutAt)
		}
		return
	}
	if p.leave == nil {
		p.leave = &leave{drain: d, at: at, cutAt: cutAt}
	}
	p.leave.at, p.leave.cutAt = min(p.leave.at, at), min(p.leave.cutAt, cutAt)
	lp.timers.schedule(p, p.leave.at)
}

// tickLeave tells the peers of p when its time has come, and returns when that
// is. They have until the drain's end to answer: what is on its way to a slow
// one, the Close frame behind it, may take that long.
func (lp *loop) tickLeave(p *pair) time.Duration {
	l := p.leave
	if l == nil {
		return never
	}
	if lp.now >= l.at {
		lp.quit(p, l.drain.Cause, farewell{ws.Code(l.drain.Code), l.drain.Reason})
		lp.cutBy(p, l.cutAt)
	}
	return l.at
}
