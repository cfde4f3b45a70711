package front

import (
	"context"
	"io"
	"net/http"
	"sync"
)

// passage is one handshake on its way. When the server stops, all of them end
// before the relay does: a session must not come to a relay that is over.
type passage struct {
	request *http.Request // as it came
	leave   func()        // may be called again
}

type passageKey struct{}

// enter begins a handshake on c, unless none is wanted any more: then r is
// returned as it is. The request that it returns otherwise is cancelled when none
// is wanted any more, and the passage ends with leave.
func (f *inflight) enter(c io.Closer, r *http.Request) (*http.Request, *passage, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.noShakes {
		f.put(c, served)
		return r, nil, false
	}
	f.count[handshaking]++
	f.put(c, served)
	ctx, cancel := context.WithCancelCause(r.Context())
	unhook := context.AfterFunc(f.stopping, func() { cancel(f.why) })
	p := &passage{request: r, leave: sync.OnceFunc(func() {
		unhook()
		cancel(nil)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.leave(handshaking)
	})}
	return r.WithContext(context.WithValue(ctx, passageKey{}, p)), p, true
}

// shake begins the handshake of a client, unless none is wanted any more. unshake
// takes it back.
func (f *inflight) shake(c *client) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.noShakes {
		return false
	}
	f.put(c, handshaking)
	return true
}

func (f *inflight) unshake(c *client) { f.move(c, fresh) }

// depart has a handshake go on without its client, until arrive.
func (f *inflight) depart() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count[handshaking]++
}

func (f *inflight) arrive() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.leave(handshaking)
}

// endHandshakes cancels those that are on their way, lets no more begin, and
// returns when the last is over.
func (f *inflight) endHandshakes() {
	f.mu.Lock()
	f.noShakes = true
	for c, in := range f.conns {
		if client, ok := c.(*client); ok && in.phase == handshaking {
			client.endShake(f.why)
		}
	}
	f.mu.Unlock()
	f.stop()
	f.wait(context.Background(), []phase{handshaking}) //nolint:errcheck // it has no end
}

// Enter begins the handshake of r, unless none is wanted any more: then r is
// returned as it is. The request that it returns otherwise is cancelled by
// EndHandshakes; whoever calls Enter calls leave, which may be called again.
func (s *Server) Enter(r *http.Request) (entered *http.Request, leave func(), ok bool) {
	r, p, ok := s.inflight.enter(connOf(r), r)
	if !ok {
		return r, nil, false
	}
	return r, p.leave, true
}

// Pass says of r, in place of Enter, that it is no handshake.
func (s *Server) Pass(r *http.Request) { s.inflight.move(connOf(r), served) }

// Leave has the handshake of r be over before its handler returns. It returns
// the request as it was before Enter.
func Leave(r *http.Request) *http.Request {
	p := r.Context().Value(passageKey{}).(*passage)
	p.leave()
	return p.request
}
