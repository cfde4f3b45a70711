package proxy

import (
	"context"
	"time"

	"usher/proxy/session"
)

const (
	keyLossReason = "signing key revoked"
	keyLossOver   = 500 * time.Millisecond // so that not all who come back do so at once
)

// heedKeys ends the sessions that keys have let in which are gone, until ctx is done.
func (s *Server) heedKeys(ctx context.Context) {
	for s.auth.Renewed(ctx) == nil {
		if n := s.revoke(s.sessions.Live()...); n > 0 {
			s.log.Warn("sessions end: the keys are gone that have let them in", "sessions", n)
		}
	}
}

// revoke ends those of the list that such keys have let in, as the routes file says
// now, and returns how many.
func (s *Server) revoke(list ...*session.Session) (n int) {
	meant := make(map[uint16]map[*session.Session]bool) // by code
	for _, x := range list {
		if x.Signer == "" {
			continue
		}
		g, _ := s.gate(x.Claim)
		code, lost := g.Lost(x.Signer)
		if !lost {
			continue
		}
		if meant[code] == nil {
			meant[code] = make(map[*session.Session]bool)
		}
		meant[code][x] = true
		n++
	}
	for code, some := range meant {
		s.end(session.Drain{
			Cause: session.Cause{Side: session.Usher, Event: session.Revoked},
			Code:  code, Reason: keyLossReason, Over: keyLossOver, Until: time.Now().Add(revokedTime),
		}, some)
	}
	return n
}
