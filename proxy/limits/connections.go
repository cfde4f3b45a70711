package limits

import (
	"net/netip"
	"sync"
)

// Connections counts open connections. Its zero value has none.
type Connections struct {
	mu   sync.Mutex
	open map[who]int // guarded by mu
}

// Of returns how many an address has.
func (c *Connections) Of(a netip.Addr) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open[whoIs(a)]
}

// Hold counts one, until Leave. An invalid address has none.
func (c *Connections) Hold(a netip.Addr) { c.add(a, 1) }

// Leave is called once for each Hold.
func (c *Connections) Leave(a netip.Addr) { c.add(a, -1) }

func (c *Connections) add(a netip.Addr, n int) {
	if !a.IsValid() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		c.open = make(map[who]int)
	}
	w := whoIs(a)
	if c.open[w] += n; c.open[w] == 0 {
		delete(c.open, w)
	}
}
