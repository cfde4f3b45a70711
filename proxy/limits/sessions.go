package limits

import (
	"net/http"
	"net/netip"
	"sync"

	"usher/proxy/config"
	"usher/proxy/refusal"
)

var (
	errFull    = &refusal.Error{Status: http.StatusServiceUnavailable, Reason: refusal.Limit, Rule: "too many sessions", Hint: "sessions of limits"}
	errCrowded = &refusal.Error{Status: http.StatusTooManyRequests, Reason: refusal.Limit, Rule: "too many sessions of this address", Hint: "sessions_per_address of limits; behind a load balancer, trusted_proxies"}
)

// Sessions counts open sessions. Its zero value has none.
type Sessions struct {
	mu   sync.Mutex
	open map[place]int // guarded by mu
}

// Enter counts a session of client under route, or says why there may be none. The
// caller calls leave when it is over; it may be called again.
func (s *Sessions) Enter(q *config.Quota, route string, client netip.Addr) (leave func(), err error) {
	if q.Exempts(client) {
		return func() {}, nil
	}
	all, own := places(q, route, client)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case q.Sessions.Most > 0 && s.open[all] >= q.Sessions.Most:
		return nil, errFull
	case q.SessionsPerAddress.Most > 0 && client.IsValid() && s.open[own] >= q.SessionsPerAddress.Most:
		return nil, errCrowded
	}
	return s.enter(all, own), nil
}

// Hold counts a session that is open already, whatever the limits, and returns
// what Enter does.
func (s *Sessions) Hold(q *config.Quota, route string, client netip.Addr) (leave func()) {
	if q.Exempts(client) {
		return func() {}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.enter(places(q, route, client))
}

// places are those of all sessions, and of the client's.
func places(q *config.Quota, route string, client netip.Addr) (all, own place) {
	return place{route: scope(route, q.Sessions.Own), all: true}, place{route: scope(route, q.SessionsPerAddress.Own), who: whoIs(client)}
}

// enter counts one. The caller holds mu.
func (s *Sessions) enter(all, own place) (leave func()) {
	if s.open == nil {
		s.open = make(map[place]int)
	}
	s.open[all]++
	s.open[own]++
	return sync.OnceFunc(func() { s.leave(all, own) })
}

func (s *Sessions) leave(places ...place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, at := range places {
		if s.open[at]--; s.open[at] <= 0 {
			delete(s.open, at)
		}
	}
}

func scope(route string, own bool) string {
	if own {
		return route
	}
	return ""
}
