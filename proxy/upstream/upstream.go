package upstream

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"usher/proxy/config"
)

// ErrNoEndpoint means that no endpoint of the upstream may be used, or that
// each was tried.
var ErrNoEndpoint = errors.New("upstream has no endpoint to use")

// Upstream is a named group of interchangeable servers.
type Upstream struct {
	// Static after construction.
	Name     string
	balance  config.Balance
	check    config.Check
	settings *Settings

	mu      sync.Mutex
	members []member // static but for what is said to be guarded by mu
}

// member is an endpoint in its upstream.
type member struct {
	*Endpoint
	weight int // 1 at least
	turn   int // of smooth round robin; guarded by the upstream's mu
}

// Endpoints returns the upstream's endpoints in the order of the routes file.
func (u *Upstream) Endpoints() []*Endpoint {
	list := make([]*Endpoint, len(u.members))
	for i := range u.members {
		list[i] = u.members[i].Endpoint
	}
	return list
}

// Pick chooses an endpoint for a session and counts it there, until the caller
// calls Release, once.
func (u *Upstream) Pick(ctx context.Context, t *Tries) (*Endpoint, error) {
	e, err := u.pick(time.Now(), t)
	if err == nil {
		e.sessions.Add(1)
	}
	return e, err
}

// PickRequest does the same for a plain request, whose end is ReleaseRequest.
func (u *Upstream) PickRequest(ctx context.Context, t *Tries) (*Endpoint, error) {
	e, err := u.pick(time.Now(), t)
	if err == nil {
		e.requests.Add(1)
	}
	return e, err
}

// Dial picks an endpoint for a session and connects to it; one that cannot be
// reached is passed over for the next. The caller releases the endpoint.
func (u *Upstream) Dial(ctx context.Context) (*Endpoint, net.Conn, error) {
	return u.DialNext(ctx, new(Tries))
}

// DialNext does the same, but for the endpoints in t.
func (u *Upstream) DialNext(ctx context.Context, t *Tries) (*Endpoint, net.Conn, error) {
	for {
		e, err := u.Pick(ctx, t)
		if err != nil {
			return nil, nil, err
		}
		conn, err := e.Dial(ctx)
		if err == nil {
			return e, conn, nil
		}
		e.Release()
		if !t.Next(ctx, e, err) {
			return nil, nil, err
		}
	}
}

// turn returns where e stands in the round robin of u, which may be nil.
func (u *Upstream) turn(e *Endpoint) int {
	if u == nil {
		return 0
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for i := range u.members {
		if u.members[i].Endpoint == e {
			return u.members[i].turn
		}
	}
	return 0
}
