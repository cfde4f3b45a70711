// Package messages is the relay for routes that say "relay: messages": whole
// messages, in one frame each and without compression, for an upstream that is
// too old for fragments or permessage-deflate.
//
// The messages are put together by github.com/koding/websocketproxy, which
// knows nothing of limits, deadlines or close codes and has a handshake of its
// own. So it is given two connections that know all of that (see leg): its
// handshakes end in memory, the real one having been made before; it sees data
// frames only, checked; and it never sees a connection fail. Control frames,
// limits, times and the end are this package's.
package messages

import (
	"context"
	"net/http"
	"sync"
	"time"

	"usher/proxy/handshake"
	"usher/proxy/session"
	"usher/proxy/tap"
)

// Exchange finishes the handshake of a claim; see handshake.Finish.
type Exchange func(w http.ResponseWriter, r *http.Request, c handshake.Claim) (handshake.Pair, bool)

// Relay serves the sessions of all routes that say "relay: messages".
type Relay struct {
	// Taps is where frames are shown. Another may be set until the first session.
	Taps *tap.Hub

	// static after construction
	exchange Exchange
	began    func(*session.Session)
	pump     pump
	stopping context.Context // done when Shutdown begins
	stop     context.CancelFunc

	mu   sync.Mutex
	live map[*session.Session]*pair // guarded by mu
	last *session.Drain             // guarded by mu; how all sessions end, once Shutdown has begun
	done sync.WaitGroup             // requests that are served
}

// NewRelay returns a relay without sessions. It calls began for each session,
// once Drain can end it.
func NewRelay(exchange Exchange, began func(*session.Session)) *Relay {
	r := &Relay{Taps: new(tap.Hub), exchange: exchange, began: began, pump: newPump(), live: make(map[*session.Session]*pair)}
	r.stopping, r.stop = context.WithCancel(context.Background())
	return r
}

// ServeHTTP makes the handshake of c and serves the session that comes of it,
// until it has ended.
func (r *Relay) ServeHTTP(w http.ResponseWriter, req *http.Request, c handshake.Claim) {
	if r.enter() {
		defer r.done.Done()
	}
	if made, ok := r.meet(w, req, c); ok {
		r.serve(made)
	}
}

// meet makes the handshake, which Shutdown cancels.
func (r *Relay) meet(w http.ResponseWriter, req *http.Request, c handshake.Claim) (handshake.Pair, bool) {
	ctx, cancel := context.WithCancel(req.Context())
	defer cancel()
	defer context.AfterFunc(r.stopping, cancel)()
	if r.stopping.Err() != nil {
		cancel() // for sure, and before an upstream is contacted
	}
	return r.exchange(w, req.WithContext(ctx), c)
}

// enter counts a request that Shutdown will wait for, unless it has begun.
func (r *Relay) enter() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopping.Err() != nil {
		return false
	}
	r.done.Add(1)
	return true
}

// serve relays between the connections of made until the session has ended.
func (r *Relay) serve(made handshake.Pair) {
	p := newPair(made)
	p.taps = r.Taps
	p.start()
	r.mu.Lock()
	r.live[p.session] = p
	if r.last != nil {
		p.leaveAt(time.Now(), r.last)
	}
	r.mu.Unlock()
	r.began(p.session)
	r.pump.run(p)
	p.fail() // does nothing if the session has ended, as it should have
	<-p.over // another goroutine may be about to end it
	r.mu.Lock()
	delete(r.live, p.session)
	r.mu.Unlock()
}
