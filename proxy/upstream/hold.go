package upstream

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A server that is started anew refuses connections for a moment. Who comes then
// waits for it, instead of hearing of an outage that is over when it comes again.
// An upstream that has been down for longer is not waited for.

var (
	// ErrHeld means that no endpoint of the upstream is up, since a moment ago, or
	// that the only one has just broken off.
	// The caller calls Await before it tries again.
	ErrHeld = errors.New("upstream has no endpoint that is up, for a moment")
	// ErrCrowded means that too many wait.
	ErrCrowded = errors.New("too many wait for an endpoint of the upstream")
)

// mostHeld is how many may wait for an endpoint of one upstream.
const mostHeld = 10000

// OutageError says that an upstream was waited for in vain.
type OutageError struct {
	Upstream string
	Last     string // what its endpoint said last; for logs only
}

func (e *OutageError) Error() string {
	return fmt.Sprintf("upstream %s was waited for in vain: %s", e.Upstream, e.Last)
}

// outage returns since when no endpoint of u is up. It is not ok if one is, or if
// operators keep everybody away from all of them.
func (u *Upstream) outage() (since time.Time, ok bool) {
	for i := range u.members {
		down, counts := u.members[i].down()
		switch {
		case !counts:
			continue
		case down.IsZero():
			return time.Time{}, false
		case down.After(since):
			since = down
		}
		ok = true
	}
	return since, ok
}

// down returns since when e is down, zero if it is up. It does not count if an
// operator has disabled it.
func (e *Endpoint) down() (since time.Time, counts bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.health.down, !e.health.disabled
}

// holds tells whether who has tried t waits now.
func (u *Upstream) holds(now time.Time, t *Tries) bool {
	if u.hold == 0 || u.settings.holding.Err() != nil {
		return false
	}
	since, out := u.outage()
	return out && now.Before(u.heldUntil(since, t))
}

// heldUntil is how long who has tried t waits for the end of an outage, however
// many there are on the way.
func (u *Upstream) heldUntil(since time.Time, t *Tries) time.Time {
	end := since.Add(u.hold)
	if !t.until.IsZero() && t.until.Before(end) {
		return t.until
	}
	return end
}

// Await waits until an endpoint of u is up again, and has what t has tried be tried
// anew. An error says that this is over: that nobody holds any more, too many wait,
// or ctx is done.
func (u *Upstream) Await(ctx context.Context, t *Tries) error {
	rested := !t.rests.IsZero()
	if err := t.rest(ctx, u.settings.holding.Done()); err != nil {
		return err
	}
	began := time.Now()
	since, out := u.outage()
	switch {
	case rested && !out:
		return nil // it may be tried, and those that failed may not
	case !out:
		t.anew()
		return nil
	}
	if t.until.IsZero() {
		t.until = began.Add(u.hold)
	}
	w := u.queue()
	if w == nil {
		return ErrCrowded
	}
	err := u.wait(ctx, w, u.heldUntil(since, t).Sub(began))
	took := time.Since(began)
	u.unqueue(w, took)
	if t.held += took; err == nil {
		t.anew()
	} else if ctx.Err() == nil {
		return t.or(err)
	}
	return err
}

func (u *Upstream) wait(ctx context.Context, w *waiter, patience time.Duration) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		if _, out := u.outage(); !out { // it was about to be let out
			return nil
		}
	case <-u.held.removed:
	case <-u.settings.holding.Done():
	}
	return u.inVain()
}

// inVain is the error of an outage, as it would be without waiting: that nobody was
// reached, or that checks let nobody try.
func (u *Upstream) inVain() error {
	for i := range u.members {
		if last := u.members[i].refusal(); last != "" {
			return &OutageError{Upstream: u.Name, Last: last}
		}
	}
	return ErrNoEndpoint
}

// refusal is what keeps connections to e away, "" if it is not that they fail.
func (e *Endpoint) refusal() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.health.state() != CircuitOpen {
		return ""
	}
	return e.health.last
}

// EndHolds lets go whoever is held, in p and all pools that it follows or that
// follow it, and has nobody be held from now on.
func (p *Pool) EndHolds() { p.endHolding() }
