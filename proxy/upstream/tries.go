package upstream

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"usher/proxy/tracing"
)

// maxSlow is how many endpoints one request may find too slow to connect: the
// waiting adds up.
const maxSlow = 2

// brokenRest is how long an endpoint that broke off is left alone by who comes again:
// longer than a process takes to end, also on a busy machine.
const brokenRest = 100 * time.Millisecond

// Tries is what one session or request has tried so far. The zero value is
// nothing.
type Tries struct {
	// Trace is told of each endpoint that is dialled for a session; nil for nobody.
	Trace *tracing.Attempts

	endpoints []*Endpoint
	skipped   []*Endpoint // never to be chosen
	broken    *Endpoint   // may be chosen again if there is no other; nil for none
	rests     time.Time   // until when broken may not; zero for at once
	slow      int
	last      error

	until time.Time     // it is not held for longer; zero before it is
	held  time.Duration // it has been, in all

	// what a Lead has said
	to      *Endpoint  // who comes first; nil for nobody
	address netip.Addr // of it; invalid for any
	must    bool       // nobody else is chosen
	sure    bool       // it is known that what is asked for continues a session
	key     string     // of the client; "" for what the upstream takes
}

// Address returns the one of e's addresses where it is to be reached, invalid
// if it is all the same.
func (t *Tries) Address(e *Endpoint) netip.Addr {
	if e == t.to {
		return t.address
	}
	return netip.Addr{}
}

// Dialled notes that e, which Next has returned, is connected, or that it brought
// err: then it is released. It reports whether another endpoint may be tried: e
// was not reached, ctx is not done, and there was no more than one timeout before.
func (t *Tries) Dialled(ctx context.Context, e *Endpoint, err error) (another bool) {
	if err == nil {
		t.Trace.Connected()
		return false
	}
	t.Trace.Failed(kindOf(err).String())
	e.Release()
	return t.Next(ctx, e, err)
}

// Next notes that e brought err, and reports whether another endpoint may be
// tried; see Dialled.
func (t *Tries) Next(ctx context.Context, e *Endpoint, err error) bool {
	if t.Address(e).IsValid() && !t.must {
		t.address, t.last = netip.Addr{}, err // its other addresses have not been tried
	} else {
		t.Pass(e, err)
	}
	failed, ok := errors.AsType[*DialError](err)
	if !ok || ctx.Err() != nil {
		return false
	}
	if failed.Timeout() {
		t.slow++
	}
	return t.slow < maxSlow
}

// Pass notes that e is not to be tried again, as it brought err.
func (t *Tries) Pass(e *Endpoint, err error) {
	t.endpoints, t.last = append(t.endpoints, e), err
}

// Skip notes that e is not to be tried, whatever comes.
func (t *Tries) Skip(e *Endpoint) { t.skipped = append(t.skipped, e) }

// Break notes that e has taken what may be sent again, and broke off without an
// answer, now, with err. If there is no other endpoint, and the upstream holds, e may
// be chosen again in a moment: a server that ends leaves those without one who have
// just come, and has a successor. Until it has ended it may take a connection once
// more, and break that off too.
func (t *Tries) Break(now time.Time, e *Endpoint, err error) {
	t.Pass(e, err)
	t.broken, t.rests = e, now.Add(brokenRest)
}

// rest waits until what broke off may be tried again. It is cut short by ended.
func (t *Tries) rest(ctx context.Context, ended <-chan struct{}) error {
	if t.rests.IsZero() {
		return nil
	}
	began := time.Now()
	timer := time.NewTimer(t.rests.Sub(began))
	defer timer.Stop()
	t.rests = time.Time{}
	select {
	case <-timer.C:
	case <-ended:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	t.held += time.Since(began)
	return nil
}

// anew has what was tried be tried again.
func (t *Tries) anew() {
	t.endpoints, t.broken, t.rests, t.slow = t.endpoints[:0], nil, time.Time{}, 0
}

// Held returns how long it has waited for an endpoint.
func (t *Tries) Held() time.Duration { return t.held }

// may tells whether e may be chosen.
func (t *Tries) may(e *Endpoint) bool { return !t.has(e) && (!t.must || e == t.to) }

// preferred returns the member of able that comes first, if it is there.
func (t *Tries) preferred(able []*member) *member {
	for _, m := range able {
		if m.Endpoint == t.to {
			return m
		}
	}
	return nil
}

func (t *Tries) has(e *Endpoint) bool {
	return slices.Contains(t.endpoints, e) || slices.Contains(t.skipped, e)
}

// or returns the last error, if there is one: it tells more than that there is
// no other endpoint.
func (t *Tries) or(err error) error {
	if t.last != nil {
		return t.last
	}
	return err
}
