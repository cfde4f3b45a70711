package upstream

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"usher/proxy/config"
)

// Endpoint is one address of an upstream.
type Endpoint struct {
	// Static after construction.
	Scheme   config.Scheme
	Address  string // host:port, or the path of a unix socket
	Identity string // upstream and address: the same in the pools of two files if the endpoint is
	upstream string // its name
	network  string
	announce byte // version of the PROXY protocol; 0 for none
	settings *Settings
	names    *names // nil if the host is an address

	dialTimeout atomic.Int64             // a time.Duration, that of the last file
	resolve     atomic.Int64             // likewise
	verify      atomic.Pointer[verifier] // likewise
	sessions    atomic.Int64             // open, or in their handshake
	requests    atomic.Int64             // plain ones under way
	counts      counts

	mu     sync.Mutex
	health health // guarded by mu
}

// String returns the endpoint as the routes file has it.
func (e *Endpoint) String() string {
	return endpointName(config.Endpoint{Scheme: e.Scheme, Address: e.Address})
}

func endpointName(c config.Endpoint) string {
	if c.Scheme == config.Unix {
		return "unix:" + c.Address
	}
	return string(c.Scheme) + "://" + c.Address
}

// Use returns how many picks of this endpoint have not been released, sessions
// and plain requests together.
func (e *Endpoint) Use() int { return e.Sessions() + int(e.requests.Load()) }

// Sessions returns how many sessions are open on e, or in their handshake.
func (e *Endpoint) Sessions() int { return int(e.sessions.Load()) }

// Hold counts a session that has come to e otherwise than by Pick or Dial.
func (e *Endpoint) Hold() { e.sessions.Add(1) }

// Release gives back what Pick, Dial or Hold counted. It is called once for each.
func (e *Endpoint) Release() { release(&e.sessions) }

// ReleaseRequest gives back what PickRequest counted, once for each.
func (e *Endpoint) ReleaseRequest() { release(&e.requests) }

func release(n *atomic.Int64) {
	if n.Add(-1) < 0 {
		panic("upstream: endpoint released more often than picked")
	}
}

// Disable keeps new sessions and requests away from e, or lets them come again.
// It holds as long as the endpoint is in the routes file. Sessions that are
// open stay; to end them is the relay's matter.
func (e *Endpoint) Disable(yes bool) {
	e.change(time.Now(), func(h *health) { h.disabled = yes })
}

// Disabled tells whether new sessions and requests are kept away from e.
func (e *Endpoint) Disabled() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.health.disabled
}

// State returns whether new sessions come to e, and why not.
func (e *Endpoint) State() State {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.shown()
}

// shown is the state for people to read. The caller holds mu.
func (e *Endpoint) shown() State {
	s := e.health.state()
	if s == Disabled && e.sessions.Load() > 0 {
		return Draining
	}
	return s
}

// Answered notes that the server behind e has answered a handshake or a
// request, whatever it said.
func (e *Endpoint) Answered() {
	now := time.Now()
	e.change(now, func(h *health) { h.answered(now) })
}

// Unanswered notes that it has not, although there was a connection.
func (e *Endpoint) Unanswered(err error) {
	e.counts.unanswered.Add(1)
	now := time.Now()
	e.change(now, func(h *health) {
		h.fails(now, err.Error())
		h.unanswered(now, e.settings.random())
	})
}

// Declined notes the status of an answer to a handshake that is not 101. What
// the server says about a client is no fault of the server; that it cannot
// serve one is what an operator looks for.
func (e *Endpoint) Declined(status int) {
	e.counts.declined.Add(1)
	if status >= 500 {
		now := time.Now()
		e.change(now, func(h *health) { h.fails(now, fmt.Sprintf("upgrade declined with status %d", status)) })
	}
}

// change lets f change what is known of e, and logs if that changes its state.
func (e *Endpoint) change(now time.Time, f func(h *health)) {
	e.mu.Lock()
	before := e.health.state()
	f(&e.health)
	e.health.settle(now)
	after, reason := e.health.state(), e.health.last
	if after != before {
		e.health.since = now
		if after.chosen() && !before.chosen() {
			e.health.warm = now
		}
	}
	e.mu.Unlock()
	if after != before {
		e.logState(after, reason)
	}
}

func (e *Endpoint) logState(s State, reason string) {
	if e.settings.Log == nil || s == Unchecked { // the outcome comes soon
		return
	}
	args := []any{"upstream", e.upstream, "endpoint", e.String(), "state", string(s)}
	if s == Unhealthy || s == CircuitOpen {
		e.settings.Log.Warn("endpoint state", append(args, "err", reason)...)
		return
	}
	e.settings.Log.Info("endpoint state", args...)
}
