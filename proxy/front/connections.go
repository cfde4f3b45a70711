package front

import (
	"net"
	"net/http"
	"sync"
)

// connections follows net/http's connections from the accept to the close or
// the hijack: net/http itself tells nobody when the last one is gone.
type connections struct {
	open sync.WaitGroup

	// guarded by mu
	mu      sync.Mutex
	fresh   map[net.Conn]struct{} // no whole request has come
	closing bool                  // fresh ones are not wanted any more
}

func newConnections() *connections {
	return &connections{fresh: make(map[net.Conn]struct{})}
}

// change is the server's ConnState hook.
func (c *connections) change(conn net.Conn, state http.ConnState) {
	conn.(accepted).follow(state)
	switch state {
	case http.StateNew:
		c.open.Add(1)
		c.add(conn)
		return
	case http.StateHijacked, http.StateClosed:
		c.open.Done()
	case http.StateActive, http.StateIdle:
	}
	c.mu.Lock()
	delete(c.fresh, conn)
	c.mu.Unlock()
}

// changeH2 is the hook for HTTP/2, where net/http itself knows what is open.
func (c *connections) changeH2(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		c.open.Add(1)
	case http.StateClosed:
		c.open.Done()
	case http.StateActive, http.StateIdle, http.StateHijacked:
	}
}

// forget is for a connection that net/http does not have.
func (c *connections) forget(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.fresh, conn)
}

func (c *connections) add(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing {
		conn.Close()
		return
	}
	c.fresh[conn] = struct{}{}
}

// hasFresh reports whether somebody may still ask for something for the first
// time.
func (c *connections) hasFresh() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.fresh) > 0
}

// closeFresh closes those that asked for nothing yet, now and from now on:
// http.Server.Shutdown would wait five seconds for them.
func (c *connections) closeFresh() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closing = true
	for conn := range c.fresh {
		conn.Close()
	}
}
