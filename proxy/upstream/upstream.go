package upstream

import (
	"container/list"
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"usher/proxy/affinity"
	"usher/proxy/config"
)

// Upstream is a named group of interchangeable servers.
type Upstream struct {
	// Static after construction.
	Name      string
	balance   config.Balance
	hash      config.Hash
	check     config.Check
	slowStart time.Duration
	after     []*Upstream // in the same pool
	affinity  config.Affinity
	guide     *affinity.Guide // nil if affinity needs none
	cookie    string          // the name of usher's own
	sameSite  http.SameSite   // of that; 0 for what a request needs
	hold      time.Duration   // that an outage may last for others to wait for its end; 0 for never
	held      *held
	settings  *Settings

	mu      sync.Mutex
	members []member // static but for what is said to be guarded by mu

	// guarded by held's mu
	waiters list.List // of *waiter
	looked  bool      // for an endpoint
}

// member is an endpoint in its upstream.
type member struct {
	*Endpoint
	weight int // 1 at least
	max    int // sessions; 0 is no limit

	// guarded by the upstream's mu
	turn  int       // in the round robin
	share int       // of what comes now; set anew for each choice
	retry time.Time // likewise: its circuit is open until then
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
	return u.pick(time.Now(), choice{session: true, key: u.key(ctx, t), tries: t})
}

// PickRequest does the same for a plain request, whose end is ReleaseRequest.
// No limit of sessions keeps it away. It waits while u holds.
func (u *Upstream) PickRequest(ctx context.Context, t *Tries) (*Endpoint, error) {
	for {
		e, err := u.pick(time.Now(), choice{key: u.key(ctx, t), tries: t})
		if !errors.Is(err, ErrHeld) {
			return e, err
		}
		if err := u.Await(ctx, t); err != nil {
			return nil, err
		}
	}
}

// Next picks an endpoint for a session that is not in t, as Pick does. If u waits
// for another upstream, the error is a *WaitError; what continues a session waits
// for nobody. If it is ErrHeld, Await comes before the next Next. The caller dials
// the endpoint, and says to t what came of it.
func (u *Upstream) Next(ctx context.Context, t *Tries) (*Endpoint, error) {
	if err := u.Waits(); err != nil && !t.sure {
		return nil, err
	}
	e, err := u.Pick(ctx, t)
	if err == nil {
		t.Trace.Begin(u.Name, e.Address)
	}
	return e, err
}

// DialNext connects to an endpoint for a session that is not in t; one that
// cannot be reached is passed over for the next, and it waits while u holds. The
// caller releases the endpoint. Errors are those of Next, Await and Dial.
func (u *Upstream) DialNext(ctx context.Context, t *Tries) (*Endpoint, net.Conn, error) {
	for {
		e, err := u.Next(ctx, t)
		if errors.Is(err, ErrHeld) {
			if err = u.Await(ctx, t); err == nil {
				continue
			}
		}
		if err != nil {
			return nil, nil, err
		}
		conn, err := e.DialLeg(ctx, t.Address(e))
		if t.Dialled(ctx, e, err) {
			continue
		}
		return e, conn, err
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
