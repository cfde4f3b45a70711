package upstream

import (
	"context"
	"sync"
	"time"

	"usher/proxy/config"
)

// checks are the checkers of a pool and of those that follow it.
type checks struct {
	wait sync.WaitGroup

	mu      sync.Mutex
	running map[*Endpoint]*checker // guarded by mu
}

// StartChecks has the endpoints of p checked as its routes file says, and no
// others any more. What is checked as before goes on. Whoever has called it
// calls StopChecks, on p or on the last pool that follows it.
func (p *Pool) StartChecks() {
	c := &p.checks
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running == nil {
		c.running = make(map[*Endpoint]*checker)
	}
	wanted := make(map[*Endpoint]config.Check)
	for _, u := range p.upstreams {
		for i := range u.members {
			if u.check.Kind != "" {
				wanted[u.members[i].Endpoint] = u.check
			}
		}
	}
	for e, k := range c.running {
		if check, ok := wanted[e]; !ok || check != k.check {
			k.stop()
			delete(c.running, e)
			e.change(time.Now(), func(h *health) { h.expect(ok) })
		}
	}
	for e, check := range wanted {
		if c.running[e] == nil {
			e.change(time.Now(), func(h *health) { h.expect(true) })
			c.running[e] = c.start(e, check)
		}
	}
}

// StopChecks ends them and returns when the last has ended.
func (p *Pool) StopChecks() {
	c := &p.checks
	c.mu.Lock()
	for _, k := range c.running {
		k.stop()
	}
	clear(c.running)
	c.mu.Unlock()
	c.wait.Wait()
}

func (c *checks) start(e *Endpoint, check config.Check) *checker {
	ctx, stop := context.WithCancel(context.Background())
	k := &checker{endpoint: e, check: check, stop: stop}
	c.wait.Go(func() { k.run(ctx) })
	return k
}

// expect notes that there are checks now, or none any more. What they have
// said before holds until they say something else.
func (h *health) expect(checks bool) {
	h.streak = 0
	switch {
	case !checks:
		h.verdict = notChecked
	case h.verdict == notChecked:
		h.verdict = awaited
	}
}
