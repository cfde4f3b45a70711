package proxy

import (
	"time"

	"usher/proxy/session"
)

// opened is told of each session that has come to its relay.
func (s *Server) opened(x *session.Session, relay drainer) {
	s.recheck(x, relay)
	s.revoke(x)
	s.makeRoom(x)
}

const (
	replacedCode   = 1008 // policy violation
	replacedReason = "too many sessions"
	replacedTime   = 10 * time.Second // to answer the Close frame
)

// makeRoom closes the oldest sessions of the user of x, if there are more than may
// be.
func (s *Server) makeRoom(x *session.Session) {
	r := s.live.Load().table.Get(x.Claim)
	if x.User == nil || r == nil {
		return
	}
	meant := make(map[*session.Session]bool)
	for _, old := range s.open.Begun(&r.Quota, r.String(), x) {
		meant[old] = true
	}
	if len(meant) > 0 {
		s.end(session.Drain{
			Cause: session.Cause{Side: session.Usher, Event: session.Replaced},
			Code:  replacedCode, Reason: replacedReason, Until: time.Now().Add(replacedTime),
		}, meant)
	}
}
