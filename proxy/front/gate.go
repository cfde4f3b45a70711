package front

import (
	"context"
	"net/http"
	"sync"
)

// gate knows the handshakes that are under way. When the server stops, they go
// before the relay does: a session must not come to a relay that is over.
type gate struct {
	closing context.Context // done when the gate closes
	cancel  context.CancelFunc
	why     error // of the requests that are cancelled then

	mu     sync.Mutex
	closed bool // guarded by mu
	count  int  // of those inside; guarded by mu
	inside sync.WaitGroup
}

func newGate(why error) *gate {
	g := &gate{why: why}
	g.closing, g.cancel = context.WithCancel(context.Background())
	return g
}

// passage is one handshake on its way through the gate.
type passage struct {
	request *http.Request // as it came to the gate
	leave   func()        // may be called again
}

type passageKey struct{}

// enter lets a handshake in, unless the gate is closed: then r is returned as it
// is. The request it returns otherwise is cancelled when the gate closes, and the passage ends with leave.
func (g *gate) enter(r *http.Request) (*http.Request, *passage, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return r, nil, false
	}
	g.inside.Add(1)
	g.count++
	ctx, cancel := context.WithCancelCause(r.Context())
	unhook := context.AfterFunc(g.closing, func() { cancel(g.why) })
	p := &passage{request: r, leave: sync.OnceFunc(func() {
		unhook()
		cancel(nil)
		g.mu.Lock()
		g.count--
		g.mu.Unlock()
		g.inside.Done()
	})}
	return r.WithContext(context.WithValue(ctx, passageKey{}, p)), p, true
}

// busy reports whether handshakes are inside.
func (g *gate) busy() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.count > 0
}

// Enter lets a handshake in, unless the gate is closed: then r is returned as it
// is. The request that it returns otherwise is cancelled when the gate closes;
// whoever calls Enter calls leave, which may be called again.
func (s *Server) Enter(r *http.Request) (entered *http.Request, leave func(), ok bool) {
	r, p, ok := s.gate.enter(r)
	if !ok {
		return r, nil, false
	}
	return r, p.leave, true
}

// Leave has the handshake of r be over before its handler returns. It returns
// the request as it came to the gate.
func Leave(r *http.Request) *http.Request {
	p := r.Context().Value(passageKey{}).(*passage)
	p.leave()
	return p.request
}

// close cancels the handshakes inside, lets no more in, and returns when the
// last has left.
func (g *gate) close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.cancel()
	g.inside.Wait()
}
