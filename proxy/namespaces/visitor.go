package namespaces

import (
	"context"
	"net/http"
	"net/netip"
	"sync"

	"usher/proxy/engineio"
	"usher/proxy/relay"
)

// visitor is a client with a sid.
type visitor struct {
	// static once the sid is known
	fan     *relay.Fan
	split   *split // that it began with
	version engineio.Version
	client  netip.Addr // for which it counts
	leave   func()     // takes that back
	dialler *dialler

	mu      sync.Mutex
	sid     string        // guarded by mu; "" until it is known
	gone    bool          // guarded by mu: the sid means nothing any more
	posting bool          // guarded by mu: a POST is under way
	apart   chan struct{} // guarded by mu: nil but while it is put aside for another process
	moved   bool          // guarded by mu: another process has it
	tied    string        // guarded by mu: what keeps the connection of its last request here, "" for nothing
}

// asks notes that v's client has made a request. Its next one comes by the same
// connection, which has to stay in this process unless it moves.
func (v *visitor) asks(r *http.Request, moves bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case moves:
		v.tied = ""
	case r.ProtoMajor > 1:
		v.tied = "polls by HTTP/2"
	default:
		v.tied = "polls by TLS"
	}
}

// stays tells what keeps v here while it polls: a POST that is under way does for
// a moment.
func (v *visitor) stays() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.tied == "" && v.posting {
		return relay.Busy
	}
	return v.tied
}

// hold has the requests of v wait until held is called, unless there is one
// whose body this process must read itself.
func (v *visitor) hold() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.sid == "" || v.gone || v.moved || v.posting || v.apart != nil {
		return false
	}
	v.apart = make(chan struct{})
	return true
}

// held lets them go on, here or in the other process.
func (v *visitor) held(moved bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.moved = moved
	close(v.apart)
	v.apart = nil
}

// settled waits until it is known which process has v, and tells whether it is
// this one. Nobody is here.
func (v *visitor) settled(ctx context.Context) (here bool, err error) {
	for v != nil {
		v.mu.Lock()
		apart, moved := v.apart, v.moved
		v.mu.Unlock()
		if apart == nil {
			return !moved, nil
		}
		if err := await(ctx, apart); err != nil {
			return false, err
		}
	}
	return true, nil
}

// beginPost waits as settled does and notes that a POST is under way, unless v
// has moved, or there is one already.
func (v *visitor) beginPost(ctx context.Context) (first, here bool, err error) {
	for {
		v.mu.Lock()
		apart, moved, second := v.apart, v.moved, v.posting
		if apart == nil && !moved {
			v.posting = true
		}
		v.mu.Unlock()
		if apart == nil {
			return !second, !moved, nil
		}
		if err := await(ctx, apart); err != nil {
			return false, false, err
		}
	}
}

func (v *visitor) hasMoved() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.moved
}

func (v *visitor) endPost() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.posting = false
}

func await(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
