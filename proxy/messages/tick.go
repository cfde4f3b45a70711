package messages

import (
	"fmt"
	"time"

	"usher/proxy/session"
	"usher/proxy/ws"
)

// never is later than any time of a session.
var never = time.Unix(1<<40, 0)

// wake makes the pair look at its clocks at t, or before. A look that is due
// stays so, also if its time is over and the timer late.
func (p *pair) wake(t time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timer == nil || p.cause != (session.Cause{}) || !p.due.IsZero() && !t.Before(p.due) {
		return
	}
	p.due = t
	p.timer.Reset(time.Until(t))
}

// tick acts on the clocks that have run out, and sets the timer for the next.
func (p *pair) tick() {
	now := time.Now()
	judge := p.catchUp(now)
	due := earliest(p.tickLeave(now), p.tickExpiry(now), p.tickIdle(now, judge), p.client.tick(now, judge), p.upstream.tick(now, judge))
	if due.Before(never) {
		p.wake(due)
	}
}

// catchUp puts off what is judged about the peers where the look that was due is
// late because usher was held up: what they sent meanwhile is read first. It
// returns until when, the zero time if they are judged. A pair that is late again
// does not wait again.
func (p *pair) catchUp(now time.Time) (judge time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	late := !p.due.IsZero() && now.Sub(p.due) > session.HeldUp
	p.due = time.Time{}
	switch {
	case !p.judge.IsZero():
		if late || !now.Before(p.judge) {
			p.judge = time.Time{}
		}
	case late:
		p.judge = now.Add(session.CatchUpTime)
	}
	return p.judge
}

func earliest(times ...time.Time) time.Time {
	first := never
	for _, t := range times {
		if t.Before(first) {
			first = t
		}
	}
	return first
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Wake tells the relay that x, if it is here, expires sooner than was said.
func (r *Relay) Wake(x *session.Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at, ends := x.Expiry(); ends && r.live[x] != nil {
		r.live[x].wake(at)
	}
}

// tickExpiry ends a session that expires, and returns when it does.
func (p *pair) tickExpiry(now time.Time) time.Time {
	at, ok := p.session.Expiry()
	if !ok {
		return never
	}
	if !now.Before(at) {
		p.quit(session.Expired, farewell{ws.Code(p.session.ExpiryClose()), session.ExpiryReason}, now.Add(closeTimeout))
	}
	return at
}

// tickIdle ends a session that was idle for too long and returns when it will
// be.
func (p *pair) tickIdle(now, judge time.Time) time.Time {
	timeout := p.route.Limits.IdleTimeout
	if timeout <= 0 {
		return never
	}
	passed, _ := p.passed.get()
	due := latest(passed.Add(timeout), judge)
	if !now.Before(due) {
		p.quit(session.Idle, farewell{ws.CodeGoingAway, fmt.Sprintf("nothing passed for %v", timeout)}, now.Add(closeTimeout))
	}
	return due
}

// tick ends a session of which l finishes or answers nothing, and returns when
// the next of its times comes.
func (l *leg) tick(now, judge time.Time) time.Time {
	due := never
	if timeout := l.pair.route.Limits.MessageTimeout; timeout > 0 {
		if began, running := l.began.get(); running {
			due = latest(began.Add(timeout), judge)
			if !now.Before(due) && !l.pair.closing() {
				why := fmt.Sprintf("message was not complete after %v", timeout)
				l.pair.refuse(l, session.Stalled, farewell{ws.CodePolicy, why}, nil)
			}
		}
	}
	if l.ping > 0 && !l.pair.closing() {
		due = earliest(due, l.tickPing(now, judge))
	}
	return due
}

// tickPing pings l if it has been quiet for too long, and ends the session if
// it did not answer.
func (l *leg) tickPing(now, judge time.Time) time.Time {
	timeout := l.pair.route.Limits.PingTimeout
	heard, _ := l.heard.get()
	if pinged, _ := l.pinged.get(); pinged.After(heard) {
		due := latest(pinged.Add(timeout), judge)
		if !now.Before(due) {
			l.pair.abandon(l, session.Silent, fmt.Sprintf("did not answer a ping within %v", timeout))
		}
		return due
	}
	if due := heard.Add(l.ping); now.Before(due) {
		return due
	}
	if !l.sending.TryLock() {
		return now.Add(time.Second) // a frame is on its way to it
	}
	l.sending.Unlock()
	l.pinged.set(now)
	l.showControl(session.Usher, l.side, ws.Ping, l.pair.pingID[:])
	l.sendControl(ws.Ping, l.pair.pingID[:])
	return now.Add(timeout)
}
