package auth

import (
	"container/heap"
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"usher/proxy/session"
)

// Rechecks has services asked again about the sessions that they have let in, as the
// routes file of now says. It may be used by anybody.
type Rechecks struct {
	// static after construction
	keep    *Keeper
	rule    func(claim string) (g *Gate, route string) // of the routes file of now
	answers chan answered
	wake    chan struct{} // has one when it may be that somebody is due earlier

	mu   sync.Mutex
	kept map[*session.Session]*recheck // guarded by mu
	due  queue                         // guarded by mu
}

// recheck is a session that a service is asked about.
type recheck struct {
	session  *session.Session // static
	question Question         // static

	// guarded by Rechecks.mu
	at    time.Time // when it is due
	index int       // in the queue, -1 if it is not there
	asked bool      // it is in nobody's queue
}

// answered is what came of a question.
type answered struct {
	about *recheck
	gate  *Gate
	reply reply
	err   error
}

// Verdict is what a service has said of a session that is open.
type Verdict struct {
	Session *session.Session
	Ends    bool   // it may not go on
	Expires int64  // if it may: as in Grant
	Code    uint16 // of its Close frames
}

// NewRechecks returns one that has nobody to ask about yet, and asks until k is closed.
// rule says of a route's Identity what decides there now, nil for nothing.
func NewRechecks(k *Keeper, rule func(claim string) (g *Gate, route string)) *Rechecks {
	return &Rechecks{keep: k, rule: rule, answers: make(chan answered), wake: make(chan struct{}, 1), kept: make(map[*session.Session]*recheck)}
}

// Add has q asked again as long as x is open. r may be nil.
func (r *Rechecks) Add(x *session.Session, q Question) {
	if r == nil || q == (Question{}) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if x.Ended() || r.kept[x] != nil { // who ends it later calls Forget
		return
	}
	k := &recheck{session: x, question: q, index: -1}
	r.kept[x] = k
	r.plan(k, time.Now())
}

// Forget ends that. It does nothing if there is nothing to end.
func (r *Rechecks) Forget(x *session.Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if k := r.kept[x]; k != nil {
		delete(r.kept, x)
		r.due.drop(k)
	}
}

// Question returns what is asked about x.
func (r *Rechecks) Question(x *session.Session) (q Question) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if k := r.kept[x]; k != nil {
		q = k.question
	}
	return q
}

// Follow has all follow the rules of now. No session waits longer than its new one says.
func (r *Rechecks) Follow() {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range r.kept {
		if !k.asked {
			r.plan(k, now)
		}
	}
}

// spread returns a time up to d, so that what has begun together is not asked about
// together.
func spread(d time.Duration) time.Duration { return d - rand.N(d/4+1) }

// plan has k asked about when its rule says, or before, if that was planned; or not at
// all. The caller holds mu.
func (r *Rechecks) plan(k *recheck, now time.Time) {
	g, _ := r.rule(k.session.Claim)
	s := g.rechecks()
	if s == nil {
		r.due.drop(k)
		return
	}
	r.planAt(k, now.Add(spread(s.Recheck)))
}

func (r *Rechecks) planAt(k *recheck, at time.Time) {
	if k.index < 0 || at.Before(k.at) {
		r.due.drop(k)
		k.at = at
		heap.Push(&r.due, k)
	}
	if k.index == 0 {
		select {
		case r.wake <- struct{}{}:
		default:
		}
	}
}

// Next returns the next verdict. It has those asked about who are due, so somebody is
// to wait for it as long as sessions are open. The error is ctx's.
func (r *Rechecks) Next(ctx context.Context) (v Verdict, err error) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case a := <-r.answers:
			if v, ok := r.settle(a, time.Now()); ok {
				return v, nil
			}
			continue
		case <-r.wake:
		case <-timer.C:
		case <-ctx.Done():
			return v, context.Cause(ctx)
		}
		timer.Reset(r.askDue(time.Now()))
	}
}

const (
	idle   = time.Hour   // between two looks at nothing
	crowds = time.Second // until who found no room is asked about
)

// askDue asks about those who are due at now, and returns how long it is to the next.
func (r *Rechecks) askDue(now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.due) > 0 {
		k := r.due[0]
		if wait := k.at.Sub(now); wait > 0 {
			return wait
		}
		heap.Pop(&r.due)
		g, _ := r.rule(k.session.Claim)
		s := g.rechecks()
		if s == nil {
			continue
		}
		select {
		case s.again <- struct{}{}:
			k.asked = true
			go r.ask(k, g, s)
		default:
			r.planAt(k, now.Add(spread(crowds)))
		}
	}
	return idle
}

func (r *Rechecks) ask(k *recheck, g *Gate, s *service) {
	a := answered{about: k, gate: g}
	a.reply, a.err = k.question.ask(s)
	<-s.again
	select {
	case r.answers <- a:
	case <-r.keep.ctx.Done():
	}
}

// settle plans the next question about a session. There is a verdict if the one that
// was asked says what is to become of it, and still has the say. A session that is to
// end is asked about until it has ended: it may be on its way to another process, or
// to its relay.
func (r *Rechecks) settle(a answered, now time.Time) (v Verdict, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := a.about
	if k.asked = false; r.kept[k.session] != k {
		return v, false
	}
	r.plan(k, now)
	g, route := r.rule(k.session.Claim)
	if g != a.gate {
		return v, false
	}
	became := a.reply.became(a.err)
	r.keep.count(route, "recheck", became)
	grant := a.reply.grant
	v = Verdict{Session: k.session, Ends: became == refused, Expires: grant.Expires, Code: g.rechecks().Expiry.Code}
	return v, became != unavailable
}

// became is what a service has said of a session that is open.
func (r reply) became(err error) result {
	switch {
	case err != nil || r.answer != nil && troubled(r.answer.Status):
		return unavailable
	case r.answer != nil:
		return refused
	}
	return allowed
}

// troubled tells whether a status is about the service, and says nothing of whom it
// was asked about: one that is started anew must not end everybody's sessions.
func troubled(status int) bool {
	return status == http.StatusTooManyRequests || status >= http.StatusInternalServerError
}
