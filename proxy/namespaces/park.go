package namespaces

import (
	"net/http"
	"time"

	"usher/proxy/relay"
)

// parkAfter is how long a GET waits before its connection is parked. Most are
// answered earlier while anything goes on, and need no other connection.
const parkAfter = 500 * time.Millisecond

// Parked is a GET that net/http has let go of while it waits: what net/http
// keeps for a request, mostly stacks and buffers, is more than all the rest of
// a session. The answer is written as to any ResponseWriter, and then flushed.
// But for Wake, its methods are for one goroutine.
type Parked interface {
	http.ResponseWriter

	// Wait returns nil once Wake has been called, or why the client is gone.
	Wait() error
	// Wake may be called from any goroutine, and does not block.
	Wake()
	// Done closes the connection, unless an answer went well: then it returns
	// when the connection serves further requests, or its client is gone.
	Done()
}

// park has the GET p wait without net/http, and reports whether it does.
func (q *request) park(v *visitor, p *relay.Poll, w *waiting) bool {
	if q.http.ProtoMajor != 1 {
		return false
	}
	parked, ok := q.server.Park(q.w, q.http)
	if !ok {
		return false
	}
	slim := *q // of the request no more than what its answer depends on
	slim.w, slim.http = parked, &http.Request{
		Method: http.MethodGet, ProtoMajor: 1, ProtoMinor: 1,
		Pattern: q.http.Pattern, Host: q.http.Host, RequestURI: q.visit.Match.Path,
	}
	w.parked.Store(&parked)
	q.server.parked.Go(func() { slim.wait(v, p, w) })
	return true
}

// wait is the rest of poll.
func (q *request) wait(v *visitor, p *relay.Poll, w *waiting) {
	parked, c := *w.parked.Load(), &q.server.stats
	defer parked.Done()
	c.parked.Add(1)
	a, err := w.outcome(parked)
	c.parked.Add(-1)
	c.waiting.Add(-1)
	if err != nil {
		v.fan.Abort(p)
		return
	}
	q.answer(v, a)
}

// outcome waits for the answer, or for the client to go.
func (w *waiting) outcome(parked Parked) (relay.Answer, error) {
	for {
		select {
		case a := <-w.answer:
			return a, nil
		default:
		}
		if err := parked.Wait(); err != nil {
			return relay.Answer{}, err
		}
	}
}
