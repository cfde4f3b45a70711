package upstream

import (
	"container/list"
	"context"
	"net/netip"
	"sync"
	"time"

	"usher/proxy/session"
)

const (
	// lookEvery is the time between two looks at an upstream that is waited for.
	lookEvery = 25 * time.Millisecond
	// probeTime is how long one may take.
	probeTime = time.Second
	// firstOut is how many are let out at once when an endpoint is up; twice as many
	// each time that it still is. A server that has just begun gets them little by
	// little, and one that ends again does not meet all of them.
	firstOut = 16
)

// held is who waits for an endpoint of one upstream, in all files that have it.
type held struct {
	removed chan struct{} // closed when the file has the upstream no more

	mu   sync.Mutex
	n    int               // guarded by mu
	time session.Histogram // of those that have waited; guarded by mu
}

// waiter is one of them, with those that wait by the same file.
type waiter struct {
	ready chan struct{} // closed when there is an endpoint
	place *list.Element // nil once it is let out; guarded by held's mu
}

func (u *Upstream) nextHeld() *held {
	if u == nil {
		return &held{removed: make(chan struct{})}
	}
	return u.held
}

func (h *held) stats() (n int, time session.Histogram) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.n, h.time
}

// queue has the caller wait behind the others, and somebody look for an endpoint.
// It returns nil if too many wait.
func (u *Upstream) queue() *waiter {
	u.held.mu.Lock()
	defer u.held.mu.Unlock()
	if u.held.n >= mostHeld {
		return nil
	}
	u.held.n++
	w := &waiter{ready: make(chan struct{})}
	w.place = u.waiters.PushBack(w)
	if !u.looked {
		u.looked = true
		u.settings.checks.wait.Go(u.look)
	}
	return w
}

// unqueue has w wait no more, who did for so long.
func (u *Upstream) unqueue(w *waiter, took time.Duration) {
	u.held.mu.Lock()
	defer u.held.mu.Unlock()
	u.held.n--
	u.held.time.Observe(took)
	if w.place != nil {
		u.waiters.Remove(w.place)
	}
}

// look lets out who waits as soon as an endpoint is up, and finds out whether one
// is, as nobody else tries. It ends when nobody waits.
func (u *Upstream) look() {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for most := firstOut; ; {
		if _, out := u.outage(); out {
			most = firstOut
			u.probe()
		}
		if _, out := u.outage(); !out {
			u.letOut(most)
			most *= 2
		}
		if u.nobodyWaits() {
			return
		}
		<-tick.C
	}
}

func (u *Upstream) letOut(most int) {
	u.held.mu.Lock()
	defer u.held.mu.Unlock()
	for range min(most, u.waiters.Len()) {
		w := u.waiters.Remove(u.waiters.Front()).(*waiter)
		w.place = nil
		close(w.ready)
	}
}

func (u *Upstream) nobodyWaits() bool {
	u.held.mu.Lock()
	defer u.held.mu.Unlock()
	u.looked = u.waiters.Len() > 0
	return !u.looked
}

// probe connects to the endpoints that are tried by nobody as connections to them
// fail.
func (u *Upstream) probe() {
	ctx, cancel := context.WithTimeout(u.settings.holding, probeTime)
	defer cancel()
	var all sync.WaitGroup
	for _, e := range u.Endpoints() {
		if e.State() == CircuitOpen {
			all.Go(func() {
				if e.probe(ctx) {
					cancel() // one is enough, and the others may never answer
				}
			})
		}
	}
	all.Wait()
}

// probe notes a connection to e, if one comes about. That none does is no news.
func (e *Endpoint) probe(ctx context.Context) bool {
	conn, _, err := e.connect(ctx, netip.Addr{}, false)
	if err == nil {
		conn.Close()
		e.change(time.Now(), (*health).dialled)
	}
	return err == nil
}
