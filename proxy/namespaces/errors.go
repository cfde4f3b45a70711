package namespaces

import (
	"sync"
	"sync/atomic"

	"usher/proxy/engineio"
	"usher/proxy/session"
)

const codes = int(engineio.UnsupportedVersion) + 1

// errorCounts counts answers to requests that break a rule of Engine.IO.
type errorCounts [codes]atomic.Uint64

// routeErrors are those of all routes that there were. The zero value is ready.
type routeErrors struct {
	mu sync.Mutex
	by map[string]*errorCounts // guarded by mu, what it holds is not
}

// of returns where those of a route are counted.
func (e *routeErrors) of(route string) *errorCounts {
	e.mu.Lock()
	defer e.mu.Unlock()
	route = session.Apart(e.by, route, session.Other)
	c := e.by[route]
	if c == nil {
		if e.by == nil {
			e.by = make(map[string]*errorCounts)
		}
		c = new(errorCounts)
		e.by[route] = c
	}
	return c
}

// all returns the numbers by route and the protocol's message.
func (e *routeErrors) all() map[string]map[string]uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := make(map[string]map[string]uint64, len(e.by))
	for route, c := range e.by {
		all[route] = make(map[string]uint64, codes)
		for i := range c {
			all[route][engineio.Code(i).Message()] = c[i].Load()
		}
	}
	return all
}
