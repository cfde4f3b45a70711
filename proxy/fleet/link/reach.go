package link

import (
	"context"
	"fmt"
	"net/http"
	"sync"
)

// reach returns a connection to the node of that id. One that cannot be had is
// waited for as long as it may take to be found dead, and no longer.
func (l *Link) reach(ctx context.Context, id string) (*http.ClientConn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("%w: nothing from it for %v", ErrGone, patience))
	defer cancel()
	p := l.find(id)
	if p == nil {
		l.meet(ctx, id)
		if p = l.find(id); p == nil {
			return nil, fmt.Errorf("%w: nobody is known as %s", ErrGone, id)
		}
	}
	c, err := p.get(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrGone, err)
	}
	return c, nil
}

// find returns the peer of that id, that which is up if there are several.
func (l *Link) find(id string) (found *peer) {
	for _, p := range l.all() {
		if one := p.state(); one.ID == id && (found == nil || one.Up) {
			found = p
		}
	}
	return found
}

// Meet returns when all nodes were tried once, or ctx is done.
func (l *Link) Meet(ctx context.Context) { l.meet(ctx, "") }

// meet has all be tried who are not there, and returns when that is done, or the
// node of that id is there: it may be new at an address.
func (l *Link) meet(ctx context.Context, id string) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var all sync.WaitGroup
	for _, p := range l.all() {
		if !p.state().Up && p.ID == "" && p.ctx.Err() == nil {
			all.Go(func() {
				if _, err := p.get(ctx); err == nil && p.named() == id {
					cancel()
				}
			})
		}
	}
	all.Wait()
}
