package proxy

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"usher/proxy/config"
	"usher/proxy/session"
)

// Run serves until ctx is done, and then stops: after the grace no client is
// accepted any more, every socket gets a Close frame, one after the other,
// plain requests may end, and what is left at the drain deadline is cut. It
// returns nil, or why it could not serve.
func (s *Server) Run(ctx context.Context) error {
	failed := make(chan error, len(s.listeners)+1)
	var serving sync.WaitGroup
	stopCerts, err := s.keepCerts()
	if err != nil {
		closeAll(s.listeners)
		s.stop(&serving, false)
		return err
	}
	defer stopCerts()
	for _, l := range s.listeners {
		s.log.Info("listening", "address", l.Addr().String(), "url", l.url())
		serving.Go(func() { s.serve(s.http, l, failed) })
	}
	serving.Go(func() { s.serve(s.h2.http, s.h2.in, failed) })
	for _, w := range s.cfg.Warnings {
		s.log.Warn("routes file", "warning", w.Error())
	}
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	s.stop(&serving, err == nil)
	return err
}

func (*Server) serve(h *http.Server, l net.Listener, failed chan<- error) {
	if err := h.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		failed <- err
	}
}

// stop ends everything within the drain deadline. While it serves, a grace lets
// a load balancer in front notice that it is not ready.
func (s *Server) stop(serving *sync.WaitGroup, serves bool) {
	drain := s.cfg.Drain
	s.stopping.Store(true)
	s.log.Info("stopping", "sessions", s.sessions.Stats().Open,
		"grace_s", drain.Grace.Seconds(), "over_s", drain.Over.Seconds(), "deadline_s", drain.Deadline.Seconds())
	ctx, cancel := context.WithTimeout(context.Background(), drain.Deadline)
	defer cancel()
	if serves {
		time.Sleep(drain.Grace) // only a second signal cuts it short, and that ends the process
	}
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
	var parts sync.WaitGroup
	for _, h := range []*http.Server{s.http, s.h2.http} {
		parts.Go(func() {
			if h.Shutdown(ctx) != nil {
				h.Close()
			}
		})
	}
	parts.Wait()
}

// stopRelays ends the sessions, after the handshakes that lead to one.
func (s *Server) stopRelays(ctx context.Context) {
	s.gate.close()
	d := drain(s.cfg, session.Shutdown, "usher is shutting down")
	var relays sync.WaitGroup
	relays.Go(func() { s.logCut(s.frames.Shutdown(ctx, d)) })
	relays.Go(func() { s.logCut(s.messages.Shutdown(ctx, d)) })
	relays.Wait()
}

// drain returns how sessions end by cfg from now on.
func drain(cfg *config.Config, event session.Event, reason string) session.Drain {
	return session.Drain{
		Cause: session.Cause{Side: session.Usher, Event: event},
		Code:  cfg.Drain.Code, Reason: reason,
		Over: cfg.Drain.Over, Until: time.Now().Add(cfg.Drain.Deadline),
	}
}

func (s *Server) logCut(err error) {
	if err != nil {
		s.log.Warn("sessions cut at the drain deadline", "error", err)
	}
}
