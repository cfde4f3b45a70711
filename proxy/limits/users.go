package limits

import (
	"cmp"
	"net/netip"
	"slices"

	"usher/proxy/config"
	"usher/proxy/session"
)

// userPlace is where the sessions of a user are counted, under a route as those of
// an address are. The zero value is nowhere.
type userPlace struct {
	route string
	user  session.Mark
}

// userOpen is what a user has.
type userOpen struct {
	seats int                // sessions, and handshakes that may lead to one
	begun []*session.Session // the oldest first; some may have ended
}

func userPlaceOf(q *config.Quota, route string, user *session.Mark) userPlace {
	if user == nil {
		return userPlace{}
	}
	return userPlace{scope(route, q.SessionsPerUser.Own), *user}
}

// fullOf tells whether a user may have no other session. The caller holds mu.
func (s *Sessions) fullOf(q *config.Quota, route string, user *session.Mark) bool {
	b := q.SessionsPerUser
	u := s.users[userPlaceOf(q, route, user)]
	return u != nil && b.Most > 0 && !b.CloseOldest && u.seats >= b.Most
}

// takeUser counts one, and returns where. The caller holds mu.
func (s *Sessions) takeUser(q *config.Quota, route string, user *session.Mark) userPlace {
	at := userPlaceOf(q, route, user)
	if user == nil {
		return at
	}
	if s.users == nil {
		s.users = make(map[userPlace]*userOpen)
	}
	if s.users[at] == nil {
		s.users[at] = new(userOpen)
	}
	s.users[at].seats++
	return at
}

// leaveUser is called once for each takeUser. The caller holds mu.
func (s *Sessions) leaveUser(at userPlace) {
	if u := s.users[at]; u != nil {
		if u.seats--; u.seats == 0 {
			delete(s.users, at)
		}
	}
}

// Begun says that a session which was counted has begun, and returns those of the
// same user that are to be closed for it. None is returned twice.
func (s *Sessions) Begun(q *config.Quota, route string, x *session.Session) (surplus []*session.Session) {
	if x.User == nil {
		return nil
	}
	if a, _ := netip.ParseAddr(x.Client); q.Exempts(a) {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u, b := s.users[userPlaceOf(q, route, x.User)], q.SessionsPerUser
	if u == nil { // it has ended meanwhile
		return nil
	}
	u.begun = slices.DeleteFunc(append(u.begun, x), (*session.Session).Ended)
	slices.SortFunc(u.begun, func(a, b *session.Session) int { return cmp.Compare(a.Number, b.Number) })
	if n := len(u.begun) - b.Most; b.Most > 0 && b.CloseOldest && n > 0 {
		surplus = slices.Clone(u.begun[:n])
		u.begun = slices.Delete(u.begun, 0, n)
	}
	return surplus
}
