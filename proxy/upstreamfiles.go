package proxy

import (
	"context"
	"time"
)

// watchUpstreams reads the files again by which https endpoints are verified,
// and usher to them, when they change, until ctx is done. It is a reload of the
// same routes: if a file is not what it should be, all stays as it is.
func (s *Server) watchUpstreams(ctx context.Context) {
	tick := time.NewTicker(lookInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := s.live.Load()
		if !now.upstreamFiles.Changed() {
			continue
		}
		s.reloadUpstreams(now)
	}
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
