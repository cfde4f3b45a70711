package limits

import (
	"net/http"
	"net/netip"
	"sync"

	"usher/proxy/config"
	"usher/proxy/refusal"
	"usher/proxy/session"
)

var (
	errFull    = &refusal.Error{Status: http.StatusServiceUnavailable, Reason: refusal.Limit, Rule: "too many sessions", Hint: "sessions of limits"}
	errCrowded = &refusal.Error{Status: http.StatusTooManyRequests, Reason: refusal.Limit, Rule: "too many sessions of this address", Hint: "sessions_per_address of limits; behind a load balancer, trusted_proxies"}
	errUser    = &refusal.Error{Status: http.StatusTooManyRequests, Reason: refusal.UserLimit, Rule: "too many sessions of this user", Hint: "sessions_per_user of limits"}
)

// Sessions counts open sessions. Its zero value has none.
type Sessions struct {
	mu    sync.Mutex
	open  map[place]int           // guarded by mu
	users map[userPlace]*userOpen // guarded by mu, with what it holds
}

// Client is who has a session, or asks for one.
type Client struct {
	Address netip.Addr
	User    *session.Mark // nil for nobody who is known
}

// Enter counts a session of client under route, or says why there may be none. The
// caller calls leave when it is over; it may be called again.
func (s *Sessions) Enter(q *config.Quota, route string, client Client) (leave func(), err error) {
	if q.Exempts(client.Address) {
		return func() {}, nil
	}
	all, own := places(q, route, client.Address)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case q.Sessions.Most > 0 && s.open[all] >= q.Sessions.Most:
		return nil, errFull
	case q.SessionsPerAddress.Most > 0 && client.Address.IsValid() && s.open[own] >= q.SessionsPerAddress.Most:
		return nil, errCrowded
	case s.fullOf(q, route, client.User):
		return nil, errUser
	}
	return s.enter(all, own, s.takeUser(q, route, client.User)), nil
}

// Hold counts a session that is open already, whatever the limits, and returns
// what Enter does.
func (s *Sessions) Hold(q *config.Quota, route string, client Client) (leave func()) {
	if q.Exempts(client.Address) {
		return func() {}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	all, own := places(q, route, client.Address)
	return s.enter(all, own, s.takeUser(q, route, client.User))
}

// places are those of all sessions, and of the client's.
func places(q *config.Quota, route string, client netip.Addr) (all, own place) {
	return place{route: scope(route, q.Sessions.Own), all: true}, place{route: scope(route, q.SessionsPerAddress.Own), who: whoIs(client)}
}

// enter counts one. The caller holds mu.
func (s *Sessions) enter(all, own place, user userPlace) (leave func()) {
	if s.open == nil {
		s.open = make(map[place]int)
	}
	s.open[all]++
	s.open[own]++
	return sync.OnceFunc(func() { s.leave(user, all, own) })
}

func (s *Sessions) leave(user userPlace, places ...place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leaveUser(user)
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
