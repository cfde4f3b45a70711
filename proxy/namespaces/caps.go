package namespaces

import (
	"net/netip"
	"sync"
)

// caps counts sessions, by route and by route and address.
type caps struct {
	mu   sync.Mutex
	open map[place]int // guarded by mu
}

// place is where sessions are counted. The zero address is for all of a route.
type place struct {
	route  string
	client netip.Addr
}

func newCaps() *caps { return &caps{open: make(map[place]int)} }

// enter counts a session, unless there are too many on the route (full) or from
// the address (crowded). The caller calls leave once if neither is so.
func (c *caps) enter(at place, most, perAddress int) (full, crowded bool) {
	all := place{route: at.route}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case most > 0 && c.open[all] >= most:
		return true, false
	case perAddress > 0 && at.client.IsValid() && c.open[at] >= perAddress:
		return false, true
	}
	c.open[all]++
	if at.client.IsValid() {
		c.open[at]++
	}
	return false, false
}

func (c *caps) leave(at place) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(place{route: at.route})
	if at.client.IsValid() {
		c.drop(at)
	}
}

func (c *caps) drop(at place) {
	if c.open[at]--; c.open[at] <= 0 {
		delete(c.open, at)
	}
}
