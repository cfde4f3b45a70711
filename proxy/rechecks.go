package proxy

import (
	"context"
	"time"

	"usher/proxy/auth"
	"usher/proxy/session"
)

const (
	revokedReason = "no longer authorized"
	revokedTime   = 10 * time.Second // to answer the Close frame
)

// gate returns what decides now on a route with this Identity, nil for nothing, and the
// route's name.
func (s *Server) gate(claim string) (*auth.Gate, string) {
	now := s.live.Load()
	r := now.table.Get(claim)
	if r == nil {
		return nil, ""
	}
	return now.handshake.Auth[r.Auth], r.String()
}

// heed does what services say that are asked again about open sessions, until ctx is
// done.
func (s *Server) heed(ctx context.Context) {
	for {
		v, err := s.rechecks.Next(ctx)
		switch {
		case err != nil:
			return
		case v.Ends:
			s.end(session.Drain{
				Cause: session.Cause{Side: session.Usher, Event: session.Revoked},
				Code:  v.Code, Reason: revokedReason, Until: time.Now().Add(revokedTime),
			}, map[*session.Session]bool{v.Session: true})
		case v.Session.Retime(v.Expires, v.Code):
			s.frames.Wake(v.Session)
			s.messages.Wake(v.Session)
		}
	}
}

// ended is told of each session that has.
func (s *Server) ended(x *session.Session, e session.End) {
	s.rechecks.Forget(x)
	s.sessionLog.ended(x, e)
}
