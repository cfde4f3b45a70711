package namespaces

import (
	"context"
	"net/http"
	"sync"
	"time"

	"usher/proxy/refusal"
	"usher/proxy/relay"
)

// expectTime is how long sessions of another process are expected.
const expectTime = 10 * time.Second

// expected are the sids that requests come with before their sessions do, from
// the process whose place this one takes.
type expected struct {
	mu   sync.Mutex
	over chan struct{}            // closed when all have come; guarded by mu; nil if none is expected
	by   map[string]chan struct{} // closed when that one has come; guarded by mu
}

// Expect says that sessions are on their way from another process, until Settled
// says that all have come, but 10 s at most: requests with a sid that is not
// known wait for it.
func (s *Server) Expect() {
	over := make(chan struct{})
	e := &s.expected
	e.mu.Lock()
	e.over, e.by = over, make(map[string]chan struct{})
	e.mu.Unlock()
	time.AfterFunc(expectTime, func() { e.end(over) })
}

// Settled ends what Expect has begun.
func (s *Server) Settled() {
	s.expected.mu.Lock()
	over := s.expected.over
	s.expected.mu.Unlock()
	s.expected.end(over)
}

// end has nobody wait longer, unless another time has begun since.
func (e *expected) end(over chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if over != nil && e.over == over {
		close(over)
		e.over, e.by = nil, nil
	}
}

// arrived says that a sid is known now.
func (e *expected) arrived(sid string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c := e.by[sid]; c != nil {
		close(c)
		delete(e.by, sid)
	}
}

// of returns what is closed when a sid is known, and when it will not be any
// more; nil if it is not expected.
func (e *expected) of(sid string) (known, over chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.over == nil {
		return nil, nil
	}
	if e.by[sid] == nil {
		e.by[sid] = make(chan struct{})
	}
	return e.by[sid], e.over
}

// find returns the visitor of a sid, or nil. It waits for one that may be on its
// way.
func (s *Server) find(ctx context.Context, sid string) *visitor {
	v := s.sids.find(sid)
	if v != nil {
		return v
	}
	known, over := s.expected.of(sid)
	if over == nil {
		return nil
	}
	if v = s.sids.find(sid); v != nil { // it came meanwhile
		return v
	}
	select {
	case <-known:
	case <-over:
	case <-ctx.Done():
	}
	return s.sids.find(sid)
}

var errMoved = &refusal.Error{Status: http.StatusServiceUnavailable, Reason: refusal.Draining, Rule: "another process has the session"}

// passOn answers a request whose session another process has. A GET is to be made
// once more, by another connection, which comes there. What a client posts it
// does not post again.
func (q *request) passOn(v *visitor) {
	if q.visit.Upgrade || q.http.Method != http.MethodGet {
		q.refuse(errMoved)
		return
	}
	q.answer(v, relay.ComeAgain(v.version))
}
