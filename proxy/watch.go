package proxy

import (
	"context"

	"usher/proxy/watch"
)

// watch reloads the routes file when it changes, while it says so itself, until
// ctx is done.
func (s *Server) watch(ctx context.Context) {
	watch.Run(ctx, func() {
		if s.live.Load().cfg.Watch && s.routesFile.Changed() {
			s.ReloadFile() //nolint:errcheck // it has said so
		}
	})
}

// watchUpstreams reads the files again by which https endpoints are verified,
// and usher to them, when they change, until ctx is done. It is a reload of the
// same routes: if a file is not what it should be, all stays as it is.
func (s *Server) watchUpstreams(ctx context.Context) {
	watch.Run(ctx, func() {
		if now := s.live.Load(); now.upstreamFiles.Changed() {
			s.reloadUpstreams(now)
		}
	})
}

// reloadUpstreams does so, unless a reload of the routes file was faster.
func (s *Server) reloadUpstreams(now *live) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live.Load() != now {
		return
	}
	s.log.Info("files of upstreams have changed")
	if _, err := s.replace(now.cfg); err != nil {
		s.refuseReload(err)
	}
}
