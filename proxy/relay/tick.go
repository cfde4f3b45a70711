package relay

import (
	"fmt"
	"math"
	"time"

	"usher/proxy/session"
	"usher/proxy/ws"
)

// never is later than any time of a loop.
const never = time.Duration(math.MaxInt64)

// tick looks at p because a time of its has come, acts on those that are over,
// and schedules the next.
func (p *pair) tick(lp *loop) {
	due := never
	if !p.closing() {
		due = min(lp.tickLeave(p), lp.tickExpiry(p), lp.tickIdle(p), lp.tickLeg(&p.legs[client]), lp.tickLeg(&p.legs[upstream]))
	}
	if p.closing() {
		if lp.now >= p.end.cutAt {
			lp.cut(p)
		}
		if due = p.end.cutAt; p.end.partBy > lp.now {
			due = min(due, p.end.partBy)
		}
	}
	if due != never && !p.over() {
		lp.timers.schedule(p, due)
	}
	lp.settle(p)
}

// tickIdle ends a pair that was idle for too long and returns when it will be.
func (lp *loop) tickIdle(p *pair) time.Duration {
	if p.options.IdleTimeout <= 0 {
		return never
	}
	due := lp.judgedAt(p.passed + p.options.IdleTimeout)
	if lp.now >= due {
		why := fmt.Sprintf("nothing passed for %v", p.options.IdleTimeout)
		lp.quit(p, session.Cause{Side: session.Usher, Event: session.Idle}, farewell{ws.CodeGoingAway, why})
	}
	return due
}

// tickLeg ends a pair of which l takes, finishes or answers nothing, and
// returns when the next of its times comes.
func (lp *loop) tickLeg(l *leg) time.Duration {
	o, due := l.pair.options, never
	if o.WriteTimeout > 0 && l.backlogged() && !l.pair.closing() {
		at := lp.judgedAt(l.moved + o.WriteTimeout)
		if lp.now >= at {
			lp.abandon(l, session.Stalled, fmt.Sprintf("took nothing for %v", o.WriteTimeout))
		}
		due = min(due, at)
	}
	if o.MessageTimeout > 0 && l.began > 0 && !l.pair.closing() {
		// While its peer takes nothing, l is not read: that is not l's fault.
		at := lp.judgedAt(max(l.began, l.peer().moved) + o.MessageTimeout)
		if lp.now >= at {
			lp.refuse(l, session.Stalled, farewell{ws.CodePolicy, fmt.Sprintf("message was not complete after %v", o.MessageTimeout)}, nil)
		}
		due = min(due, at)
	}
	if o.ping(l.side) > 0 && !l.pair.closing() {
		due = min(due, lp.tickPing(l))
	}
	return due
}

// tickPing pings l if it has been quiet for too long, and ends its pair if it
// did not answer.
func (lp *loop) tickPing(l *leg) time.Duration {
	o := l.pair.options
	if l.peer().backlogged() { // l is not read until that is gone
		return lp.now + time.Second
	}
	if l.pinged > l.heard {
		// What was on its way to l may take its time: as long as l takes
		// some of it, it is there. It is heard only while its peer is not
		// behind.
		due := lp.judgedAt(max(l.pinged, l.moved, l.peer().moved) + o.PingTimeout)
		if lp.now >= due {
			lp.abandon(l, session.Silent, fmt.Sprintf("did not answer a ping within %v", o.PingTimeout))
		}
		return due
	}
	if due := l.heard + o.ping(l.side); lp.now < due {
		return due
	}
	return lp.ping(l)
}
