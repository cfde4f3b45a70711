package upstream

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	// leastShare is what an address gets of the dial timeout at least, if that
	// much is left.
	leastShare = time.Second
	// nameRetry is how soon a name is looked up again that could not be, as
	// long as its addresses serve.
	nameRetry = 5 * time.Second
)

// names are the addresses of an endpoint whose host is a name. Connections are
// spread over them in turn; those that have failed come last until the name is
// looked up again.
type names struct {
	host, port string // static

	mu     sync.Mutex
	list   []netip.Addr // guarded by mu; never changed in place
	failed []netip.Addr // of list; guarded by mu
	next   int          // guarded by mu
	until  time.Time    // list is good; guarded by mu
	last   *inquiry     // under way or the last, nil if there is none; guarded by mu, its time too
}

// newNames returns nil if address needs no lookup.
func newNames(network, address string) *names {
	host, port, err := net.SplitHostPort(address)
	if network != "tcp" || err != nil {
		return nil
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return nil
	}
	return &names{host: host, port: port}
}

// hasAddresses tells whether usher itself looks e's name up, and so knows its
// addresses apart.
func (e *Endpoint) hasAddresses() bool { return e.names != nil && e.resolve.Load() > 0 }

// addresses returns those of e's name, nil if it has none, or they are not to
// be found within the dial timeout.
func (e *Endpoint) addresses(ctx context.Context) []netip.Addr {
	if !e.hasAddresses() {
		return nil
	}
	if list := e.names.known(); len(list) > 0 {
		return list
	}
	ctx, cancel := e.bound(ctx)
	defer cancel()
	if e.names.inquire(ctx, time.Duration(e.resolve.Load()), e.settings.lookup) != nil {
		return nil
	}
	return e.names.known()
}

// dialAt connects to one of e's addresses, any if at is invalid.
func (e *Endpoint) dialAt(ctx context.Context, at netip.Addr) (net.Conn, error) {
	if !at.IsValid() || e.names == nil {
		return e.dialAny(ctx)
	}
	conn, err := e.dialOne(ctx, at, 1)
	if err != nil && ctx.Err() == nil {
		e.names.fail(at)
	}
	return conn, err
}

// dialAny connects to one of e's addresses. Each is tried, within what ctx
// leaves of the dial timeout.
func (e *Endpoint) dialAny(ctx context.Context) (net.Conn, error) {
	keep := time.Duration(e.resolve.Load())
	if e.names == nil || keep == 0 {
		return e.settings.dial(ctx, e.network, e.Address)
	}
	list, spare, err := e.names.look(ctx, keep, e.settings.lookup)
	if err != nil {
		return nil, err
	}
	conn, err := e.dialEach(ctx, list, spare)
	if err == nil || ctx.Err() != nil {
		return conn, err
	}
	if list = e.names.others(ctx, keep, e.settings.lookup, list, err); len(list) == 0 {
		return nil, err
	}
	return e.dialEach(ctx, list, 0)
}

// dialEach connects to the first address of list that can be reached. It leaves
// as much time as spare more of them would get.
func (e *Endpoint) dialEach(ctx context.Context, list []netip.Addr, spare int) (conn net.Conn, err error) {
	for i, a := range list {
		if conn, err = e.dialOne(ctx, a, len(list)-i+spare); err == nil {
			return conn, nil
		}
		if ctx.Err() != nil {
			break
		}
		e.names.fail(a)
	}
	return nil, err
}

// dialOne connects to one of n addresses that are left.
func (e *Endpoint) dialOne(ctx context.Context, a netip.Addr, n int) (net.Conn, error) {
	if end, ok := ctx.Deadline(); ok && n > 1 {
		left := time.Until(end)
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, min(left, max(left/time.Duration(n), leastShare)))
		defer cancel()
	}
	return e.settings.dial(ctx, e.network, net.JoinHostPort(a.String(), e.names.port))
}

// order returns the addresses from the next one on, those that have failed at
// the end. The caller holds mu.
func (n *names) order() []netip.Addr {
	list := make([]netip.Addr, 0, len(n.list))
	var last []netip.Addr
	for i := range n.list {
		a := n.list[(n.next+i)%len(n.list)]
		if slices.Contains(n.failed, a) {
			last = append(last, a)
		} else {
			list = append(list, a)
		}
	}
	n.next = (n.next + 1) % len(n.list)
	return append(list, last...)
}

func (n *names) fail(a netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !slices.Contains(n.failed, a) {
		n.failed = append(n.failed, a)
	}
}

// hasFailed tells whether a is one of those that come last.
func (n *names) hasFailed(a netip.Addr) bool {
	if n == nil {
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Contains(n.failed, a)
}

// known returns the addresses that are in use, nil if there is no name.
func (n *names) known() []netip.Addr {
	if n == nil {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.list
}
