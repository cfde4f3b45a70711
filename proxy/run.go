package proxy

import (
	"context"
	"errors"
	"net/http"
	"sync"
)

// Run serves until ctx is done, and then stops: no client is accepted any
// more, every socket gets a Close frame, plain requests may end, and what is
// left at the drain deadline is cut. It returns nil, or why it could not serve.
func (s *Server) Run(ctx context.Context) error {
	failed := make(chan error, len(s.listeners))
	var serving sync.WaitGroup
	for _, l := range s.listeners {
		s.log.Info("listening", "address", l.Addr().String(), "url", l.url())
		serving.Go(func() { s.serve(l, failed) })
	}
	for _, w := range s.cfg.Warnings {
		s.log.Warn("routes file", "warning", w.Error())
	}
	stopCerts := s.keepCerts()
	defer stopCerts()
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	s.stop(&serving)
	return err
}

func (s *Server) serve(l *listener, failed chan<- error) {
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		failed <- err
	}
}

// stop ends everything within the drain deadline.
func (s *Server) stop(serving *sync.WaitGroup) {
	s.log.Info("stopping", "sessions", s.sessions.Stats().Open, "deadline_s", s.cfg.Drain.Deadline.Seconds())
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.Drain.Deadline)
	defer cancel()
	var parts sync.WaitGroup
	parts.Go(func() { s.stopHTTP(ctx) })
	parts.Go(func() { s.stopRelays(ctx) })
	parts.Wait()
	serving.Wait()
	s.connections.open.Wait()
	s.forward.CloseIdleConnections()
	s.sessionLog.close()
	stats := s.handshake.Stats()
	s.log.Info("stopped", "claims", stats.Claims, "duplicate_claims", stats.DuplicateClaims)
}

// stopHTTP lets requests that are under way end.
func (s *Server) stopHTTP(ctx context.Context) {
	s.connections.closeFresh()
	if s.http.Shutdown(ctx) != nil {
		s.http.Close()
	}
}

// stopRelays ends the sessions, after the handshakes that lead to one.
func (s *Server) stopRelays(ctx context.Context) {
	s.gate.close()
	var relays sync.WaitGroup
	relays.Go(func() { s.logCut(s.frames.Shutdown(ctx)) })
	relays.Go(func() { s.logCut(s.messages.Shutdown(ctx)) })
	relays.Wait()
}

func (s *Server) logCut(err error) {
	if err != nil {
		s.log.Warn("sessions cut at the drain deadline", "error", err)
	}
}
