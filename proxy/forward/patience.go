package forward

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"

	"usher/proxy/config"
	"usher/proxy/plain"
	"usher/proxy/refusal"
	"usher/proxy/upstream"
)

// patience ends an attempt at an endpoint that takes nothing of a request for the
// route's write_timeout, or does not come to its answer: response_timeout is from
// the request's end to the head's, however it drips.
type patience struct {
	limits *config.Limits          // static
	cancel context.CancelCauseFunc // of the attempt; static

	watchdog plain.Watchdog

	mu       sync.Mutex
	what     string // the endpoint is to do; guarded by mu, as all that follows
	why      error  // the attempt was ended by it, nil if not
	answered bool   // the head is there
	heard    bool   // a byte of it is
}

// begin returns r with an attempt's context. The caller calls answer, once, and
// cancel when nothing of the answer is wanted any more.
func begin(r *http.Request, limits *config.Limits) (*http.Request, *patience) {
	p := &patience{limits: limits}
	ctx, cancel := context.WithCancelCause(r.Context())
	p.cancel, p.watchdog.Bark = cancel, p.give
	attempt := r.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest:         func(httptrace.WroteRequestInfo) { p.wait(p.limits.ResponseTimeout, "answer") },
		GotFirstResponseByte: p.hears,
	}))
	if r.Body != nil {
		attempt.Body = &offered{r.Body, p} // an attempt without a connection must not close it
	}
	return attempt, p
}

// wait gives the endpoint d for what it is to do; 0 is no limit.
func (p *patience) wait(d time.Duration, what string) {
	p.mu.Lock()
	p.what = what
	p.mu.Unlock()
	if d > 0 {
		p.watchdog.Watch(d)
	} else {
		p.watchdog.Rest()
	}
}

func (p *patience) hears() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard = true
}

// give ends the attempt, if there is no answer yet.
func (p *patience) give() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.answered {
		p.why = refusal.New(http.StatusGatewayTimeout, refusal.Timeout, "upstream took too long to %s", p.what)
		p.cancel(p.why)
	}
}

// answer notes that the attempt has come to its end or to an answer's head, and
// returns why it was ended before, err if it was not.
func (p *patience) answer(err error) error {
	p.watchdog.End()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answered = true
	_, undialled := errors.AsType[*upstream.DialError](err)
	switch {
	case p.why != nil:
		return p.why
	case err != nil && !p.heard && !undialled:
		return &brokenError{err}
	}
	return err
}

// offered is the body of a request, of which the endpoint is to take something
// for as long as there is any.
type offered struct {
	io.Reader
	patience *patience
}

// Read implements io.Reader.
func (o *offered) Read(b []byte) (int, error) {
	o.patience.watchdog.Rest()
	n, err := o.Reader.Read(b)
	if err == nil {
		o.patience.wait(o.patience.limits.WriteTimeout, "take the request")
	}
	return n, err
}

// Close implements io.Closer.
func (o *offered) Close() error { return nil }
