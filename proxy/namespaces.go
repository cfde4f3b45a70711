package proxy

import (
	"net/http"

	"usher/proxy/affinity"
	"usher/proxy/config"
	"usher/proxy/fleet/keys"
	"usher/proxy/front"
	"usher/proxy/namespaces"
	"usher/proxy/session"
	"usher/proxy/tracing"
	"usher/proxy/upstream"
)

// newNamespaces returns what serves routes with namespaces.
func (s *Server) newNamespaces(cfg *config.Config, inherited []byte) *namespaces.Server {
	return namespaces.NewServer(namespaces.Config{
		Frames:    s.frames,
		Sessions:  s.sessions,
		Open:      s.open,
		Upstreams: func() *upstream.Pool { return s.live.Load().pool },
		Tracer:    func() *tracing.Tracer { return s.live.Load().tracer },
		Drained:   s.drains.holds,
		Admit:     func(route string) error { return s.admit(route, "") },
		Opened:    func(x *session.Session) { s.opened(x, s.frames) },
		Log:       s.log,
		Refusals:  s.refusals,
		Leg:       clientLeg,
		Park:      s.park,
		Moves:     front.Moves,
		Key:       namespacesKey(cfg, inherited),
	})
}

// namespacesKey stays for as long as the process lives: legs that are open have tags
// of it, by which they are found when their endpoint is lost. Without a secret in
// the file it is that of the usher before, if there was one.
func namespacesKey(cfg *config.Config, inherited []byte) []byte {
	if cfg.AffinitySecret == "" && len(cfg.Fleet.Secrets) > 0 {
		return affinity.Derive(keys.New(cfg.Fleet.Secrets).Now(keys.Affinity), "namespaces")
	}
	if cfg.AffinitySecret == "" {
		return inherited
	}
	return affinity.Derive([]byte(cfg.AffinitySecret), "namespaces")
}

// park implements namespaces.Config's Park.
func (s *Server) park(w http.ResponseWriter, r *http.Request) (namespaces.Parked, bool) {
	p, ok := s.front.Park(w, r)
	if !ok {
		return nil, false
	}
	return p, true
}
