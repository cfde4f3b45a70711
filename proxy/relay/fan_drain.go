package relay

import (
	"errors"
	"time"

	"usher/proxy/session"
	"usher/proxy/ws"
)

// leaveAt has f told at the given time. Of two drains the earlier times count.
func (f *fan) leaveAt(at time.Duration, d *session.Drain) {
	cutAt := d.Until.Sub(f.loop.epoch)
	if f.closing() {
		f.cutBy(cutAt)
		return
	}
	if f.leave == nil {
		f.leave = &leave{drain: d, at: at, cutAt: cutAt}
	}
	f.leave.at, f.leave.cutAt = min(f.leave.at, at), min(f.leave.cutAt, cutAt)
	f.loop.timers.schedule(f, f.leave.at)
}

// cutBy has what is left of a closing fan closed at the given time, if that
// comes before its own. A loop that is stopping does not wait for polls long.
func (f *fan) cutBy(at time.Duration) {
	f.end.cutAt = min(f.end.cutAt, at)
	if f.loop.stopping {
		f.end.goneAt = min(f.end.goneAt, f.loop.now+farewellTimeout, at)
	}
	f.loop.timers.schedule(f, min(f.end.cutAt, max(f.end.goneAt, f.loop.now)))
}

// tickLeave tells everybody when the time has come, and returns when that is.
// The client has until the drain's end to take what is on its way.
func (f *fan) tickLeave() time.Duration {
	l := f.leave
	if l == nil {
		return never
	}
	if f.loop.now < l.at {
		return l.at
	}
	c := f.client
	if forGood(l.drain.Cause) {
		f.answers.drop(f.loop) // so that what is kept for the next GET is short
		f.demux.Expel(f.loop.now, l.drain.Reason)
	}
	f.close(l.drain.Cause, farewell{ws.Code(l.drain.Code), l.drain.Reason}, nil)
	if c != nil && c.backlogged() {
		f.end.cutAt, c.cutAt = l.cutAt, l.cutAt
	}
	f.cutBy(l.cutAt)
	return never
}

var errEndpointGone = errors.New("its endpoint is not served any more")

// LoseLegs ends the legs of all fans whose tag gone says, as if their endpoint
// had closed them. Fans that would end with them leave as d says, one after the
// other. It returns before that has happened.
func (g *Group) LoseLegs(d session.Drain, gone func(tag string) bool) {
	for k, lp := range g.loops {
		mine := share{k, len(g.loops)}
		lp.post(func(lp *loop) { lp.loseLegs(&d, mine, gone) })
	}
}

func (lp *loop) loseLegs(d *session.Drain, mine share, gone func(tag string) bool) {
	var leaving []*fan
	for _, f := range lp.fans {
		if f.dependsOn(gone) {
			leaving = append(leaving, f)
		} else {
			f.loseLegs(gone)
		}
	}
	gap := d.Gap(len(leaving) * mine.n)
	at := lp.now + time.Duration(mine.k)*gap
	for _, f := range leaving {
		f.leaveAt(at, d)
		at += time.Duration(mine.n) * gap
	}
}

// dependsOn tells whether f would end without the legs that gone says.
func (f *fan) dependsOn(gone func(tag string) bool) bool {
	for i := range f.legs {
		if s := f.legs[i].strand; s != nil && !f.closing() && gone(s.tag) && f.demux.DependsOn(i) {
			return true
		}
	}
	return false
}

func (f *fan) loseLegs(gone func(tag string) bool) {
	for i := range f.legs {
		s := f.legs[i].strand
		if s != nil && !f.closing() && gone(s.tag) {
			f.dismiss(s, farewell{code: ws.CodeGoingAway})
			f.loseLeg(s, errEndpointGone)
		}
	}
	f.settle()
}
