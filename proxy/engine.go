package proxy

import (
	"usher/proxy/engine"
	"usher/proxy/session"
	"usher/proxy/upstream"
)

// newEngine returns what serves routes with namespaces.
func (s *Server) newEngine() *engine.Server {
	return engine.NewServer(engine.Config{
		Frames:    s.frames,
		Sessions:  s.sessions,
		Upstreams: func() *upstream.Pool { return s.live.Load().pool },
		Opened:    func(x *session.Session) { s.recheck(x, s.frames) },
		Log:       s.log,
		Leg:       clientLeg,
		Park:      s.park,
	})
}
