package upstream

import (
	"cmp"
	"context"
	"errors"
	"net"
	"slices"
	"sync"

	"usher/proxy/config"
)

// ErrNoEndpoint means that no endpoint of the upstream may be used, or that
// each was tried.
var ErrNoEndpoint = errors.New("upstream has no endpoint to use")

// Upstream is a named group of interchangeable servers.
type Upstream struct {
	// Static after construction.
	Name      string
	endpoints []*Endpoint
	balance   config.Balance

	mu   sync.Mutex
	next int // where the next choice begins; guarded by mu
}

// Endpoints returns the upstream's endpoints in the order of the routes file.
func (u *Upstream) Endpoints() []*Endpoint { return slices.Clone(u.endpoints) }

// Pick chooses an endpoint that is not among those tried and counts one session
// on it, until the caller calls its Release, once.
func (u *Upstream) Pick(tried ...*Endpoint) (*Endpoint, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	var best *Endpoint
	at := 0
	for i := range u.endpoints {
		n := (u.next + i) % len(u.endpoints)
		e := u.endpoints[n]
		if slices.Contains(tried, e) || best != nil && e.Use() >= best.Use() {
			continue
		}
		best, at = e, n
		if u.balance != config.LeastSessions {
			break
		}
	}
	if best == nil {
		return nil, ErrNoEndpoint
	}
	// Equals take turns: the search for the least used begins behind the last.
	u.next = (at + 1) % len(u.endpoints)
	best.use.Add(1)
	return best, nil
}

// turn returns where the next choice begins.
func (u *Upstream) turn() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.next
}

// Dial picks an endpoint and connects to it; an endpoint that refuses the
// connection is passed over for the next. The caller releases the endpoint.
func (u *Upstream) Dial(ctx context.Context) (*Endpoint, net.Conn, error) {
	var tried []*Endpoint
	var last error
	for {
		e, err := u.Pick(tried...)
		if err != nil {
			// That the last endpoint refused tells more than that none is left.
			return nil, nil, cmp.Or(last, err)
		}
		conn, err := e.Dial(ctx)
		if err == nil {
			return e, conn, nil
		}
		e.Release()
		if !TryNext(ctx, err) {
			return nil, nil, err
		}
		tried, last = append(tried, e), err
	}
}

// TryNext reports whether, after err from an endpoint's Dial, another endpoint
// may be tried: the connection was refused at once. After a timeout it may not,
// as the waiting would add up, nor when ctx is done.
func TryNext(ctx context.Context, err error) bool {
	de, ok := errors.AsType[*DialError](err)
	return ok && !de.Timeout() && ctx.Err() == nil
}
