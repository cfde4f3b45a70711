package messages

import (
	"context"
	"time"

	"usher/proxy/session"
	"usher/proxy/ws"
)

// leave is when and how usher ends a session.
type leave struct {
	drain *session.Drain
	at    time.Time // when its peers are told
	until time.Time // when what is left of it is cut
}

// Drain tells the peers of the sessions that concern says that usher ends them,
// and returns before it has. Sessions that begin later are not meant.
func (r *Relay) Drain(d session.Drain, concern func(*session.Session) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drain(&d, concern)
}

// Open returns how many sessions there are.
func (r *Relay) Open() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.live)
}

// Shutdown tells every peer so, with a Close frame between two frames, and
// waits until all sockets are closed; what is left when ctx ends is cut,
// whatever d says of that.
func (r *Relay) Shutdown(ctx context.Context, d session.Drain) error {
	if until, ok := ctx.Deadline(); ok {
		d.Until = until.Add(time.Second) // cut from here, so that it is known
	}
	r.mu.Lock()
	r.last = &d
	r.stop()
	r.drain(&d, func(*session.Session) bool { return true })
	r.mu.Unlock()
	over := make(chan struct{})
	go func() { r.done.Wait(); close(over) }() // ends, as the sessions do
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		r.cut()
		<-over
		return context.Cause(ctx)
	}
}

// drain spreads the ends of the sessions that concern says. The caller holds mu.
func (r *Relay) drain(d *session.Drain, concern func(*session.Session) bool) {
	var leaving []*pair
	for _, p := range r.live {
		if concern(p.session) {
			leaving = append(leaving, p)
		}
	}
	leaveEach(leaving, d)
}

// DrainSome is Drain for those of some that are here, however many others there are.
func (r *Relay) DrainSome(d session.Drain, some map[*session.Session]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var leaving []*pair
	for x := range some {
		if p := r.live[x]; p != nil {
			leaving = append(leaving, p)
		}
	}
	leaveEach(leaving, &d)
}

func leaveEach(leaving []*pair, d *session.Drain) {
	now, gap := time.Now(), d.Gap(len(leaving))
	for i, p := range leaving {
		p.leaveAt(now.Add(time.Duration(i)*gap), d)
	}
}

// cut ends all sessions without more ado.
func (r *Relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.live {
		r.done.Go(p.cut)
	}
}

// leaveAt has the peers told at the given time. Of two drains the earlier times
// count.
func (p *pair) leaveAt(at time.Time, d *session.Drain) {
	p.mu.Lock()
	if p.leave == nil {
		p.leave = &leave{drain: d, at: at, until: d.Until}
	}
	p.leave.at, p.leave.until = earliest(p.leave.at, at), earliest(p.leave.until, d.Until)
	p.mu.Unlock()
	p.wake(at)
}

// tickLeave tells the peers if that is due, and returns when it is. They have
// until the drain's end to answer.
func (p *pair) tickLeave(now time.Time) time.Time {
	p.mu.Lock()
	if p.leave == nil {
		p.mu.Unlock()
		return never
	}
	l := *p.leave
	p.mu.Unlock()
	if !now.Before(l.at) {
		p.quit(l.drain.Cause.Event, farewell{ws.Code(l.drain.Code), l.drain.Reason}, l.until)
	}
	return l.at
}
