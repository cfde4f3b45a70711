package upstream

import (
	"context"
	"errors"
	"slices"
)

// maxSlow is how many endpoints one request may find too slow to connect: the
// waiting adds up.
const maxSlow = 2

// Tries is what one session or request has tried so far. The zero value is
// nothing.
type Tries struct {
	endpoints []*Endpoint
	slow      int
	last      error
}

// Next notes that e brought err, and reports whether another endpoint may be
// tried: e was not reached, ctx is not done, and there was no more than one
// timeout before.
func (t *Tries) Next(ctx context.Context, e *Endpoint, err error) bool {
	t.Pass(e, err)
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

func (t *Tries) has(e *Endpoint) bool { return slices.Contains(t.endpoints, e) }

// or returns the last error, if there is one: it tells more than that there is
// no other endpoint.
func (t *Tries) or(err error) error {
	if t.last != nil {
		return t.last
	}
	return err
}
