package upstream

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"time"
)

// inquiryPause is how long after a lookup of a name the next may begin.
const inquiryPause = 500 * time.Millisecond

// inquiry is a lookup of a name. What it has brought is set before it is over,
// and not changed any more.
type inquiry struct {
	over  chan struct{} // closed at its end
	ended time.Time     // zero while it is under way, and if its caller gave it up
	err   error
}

// running tells whether i is under way.
func (i *inquiry) running() bool { return i != nil && i.ended.IsZero() }

// paused tells whether i is so fresh that there is no other yet.
func (i *inquiry) paused(now time.Time) bool { return i != nil && now.Sub(i.ended) < inquiryPause }

type lookupFunc = func(ctx context.Context, host string) ([]netip.Addr, error)

// look returns the addresses to try, in this order. While one caller looks the
// name up again, the others use what was found before, as it does if there is
// no answer. Spare is 1 if others may bring more.
func (n *names) look(ctx context.Context, keep time.Duration, lookup lookupFunc) (list []netip.Addr, spare int, err error) {
	if list, spare = n.good(); len(list) > 0 {
		return list, spare, nil
	}
	err = n.inquire(ctx, keep, lookup)
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.list) == 0 {
		return nil, 0, err
	}
	return n.order(), 0, nil
}

// good returns what is known, if the caller need not look for more.
func (n *names) good() (list []netip.Addr, spare int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now, asking := time.Now(), n.last.running()
	if len(n.list) == 0 || !asking && !now.Before(n.until) {
		return nil, 0
	}
	if !n.last.paused(now) {
		spare = 1
	}
	return n.order(), spare
}

// others looks the name up again, as err is what came of all of tried: a server
// that was started anew may have another address. It returns those that are to
// be tried now, and if there are no new ones, those that may have been too slow
// in the time that they had.
func (n *names) others(ctx context.Context, keep time.Duration, lookup lookupFunc, tried []netip.Addr, err error) []netip.Addr {
	n.inquire(ctx, keep, lookup) //nolint:errcheck // that nobody was reached tells more
	n.mu.Lock()
	list := n.order()
	n.mu.Unlock()
	if ctx.Err() != nil {
		return nil
	}
	fresh := slices.DeleteFunc(list, func(a netip.Addr) bool { return slices.Contains(tried, a) })
	if len(fresh) == 0 && isTimeout(err) {
		return tried
	}
	return fresh
}

// inquire looks the name up, waits for who does so, or returns what that has
// brought a moment ago. A lookup that its caller gave up is made by another.
func (n *names) inquire(ctx context.Context, keep time.Duration, lookup lookupFunc) error {
	for {
		i, mine := n.begin()
		if mine {
			n.conduct(ctx, i, keep, lookup)
			return i.err
		}
		select {
		case <-i.over:
		case <-ctx.Done():
			return ctx.Err()
		}
		if !i.ended.IsZero() {
			return i.err
		}
	}
}

// begin returns the lookup that counts now, and whether it is the caller who
// makes it.
func (n *names) begin() (i *inquiry, mine bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.last.running() || n.last.paused(time.Now()) {
		return n.last, false
	}
	n.last = &inquiry{over: make(chan struct{})}
	return n.last, true
}

// conduct makes the lookup i, and ends it.
func (n *names) conduct(ctx context.Context, i *inquiry, keep time.Duration, lookup lookupFunc) {
	list, err := n.ask(ctx, lookup)
	n.mu.Lock()
	defer n.mu.Unlock()
	defer close(i.over)
	if i.err = err; err != nil && ctx.Err() != nil {
		n.last = nil
		return
	}
	i.ended = time.Now()
	n.note(list, err, keep)
}

// ask makes a lookup. Where addresses are known, it leaves time for them.
func (n *names) ask(ctx context.Context, lookup lookupFunc) ([]netip.Addr, error) {
	if end, ok := ctx.Deadline(); ok && len(n.known()) > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(end)/2)
		defer cancel()
	}
	return lookup(ctx, n.host)
}

// note takes what a lookup has found, or keeps what was found before. The
// caller holds mu.
func (n *names) note(list []netip.Addr, err error, keep time.Duration) {
	if err != nil {
		n.until = time.Now().Add(min(keep, nameRetry))
		return
	}
	n.failed, n.until = nil, time.Now().Add(keep)
	n.list = slices.Clone(list)
	for i := range n.list {
		n.list[i] = n.list[i].Unmap()
	}
	slices.SortFunc(n.list, netip.Addr.Compare) // resolvers shuffle
	n.list = slices.Compact(n.list)
}

// lookup returns the addresses of host, one at least.
func (s *Settings) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	look := s.Lookup
	if look == nil {
		look = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	list, err := look(ctx, host)
	if err == nil && len(list) == 0 {
		err = &net.DNSError{Err: "no address", Name: host, IsNotFound: true}
	}
	return list, err
}
