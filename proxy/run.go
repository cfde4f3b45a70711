package proxy

import (
	"context"
	"slices"
	"sync"
	"time"

	"usher/proxy/certs"
	"usher/proxy/config"
	"usher/proxy/front"
	"usher/proxy/session"
)

// Run serves until ctx is done, and then stops: after the grace no new session
// is taken, every socket gets a Close frame, one after the other; then no client
// is accepted any more, plain requests may end, and what is left at the drain
// deadline is cut. It does so too when another process has taken its place. It returns nil, or why
// it could not serve.
func (s *Server) Run(ctx context.Context) error {
	watching, stopWatch := context.WithCancel(ctx)
	defer stopWatch()
	err := s.start(watching)
	if err != nil {
		closeAll(s.live.Load().listeners)
		s.stop(false)
		return err
	}
	select {
	case <-ctx.Done():
	case err = <-s.failed:
	case <-s.succession.done:
	}
	stopWatch()
	s.stop(err == nil)
	return err
}

// start serves the listeners, and watches the routes file until ctx is done.
func (s *Server) start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.live.Load()
	if err := startCerts(now.certs, now.cfg, now.listeners); err != nil {
		return err
	}
	s.running = true
	now.pool.StartChecks()
	if s.succession.takes != nil { // whose clients may come here from now on
		s.namespaces.Expect()
	}
	s.fleet.start(ctx, s.log)
	for _, l := range now.listeners {
		s.serve(l)
	}
	s.front.Start()
	s.operators.serve(s)
	s.reloads.served()
	s.warn(now.cfg)
	s.serving.Go(func() { s.watchUpstreams(ctx) })
	s.serving.Go(func() { s.heed(ctx) })
	s.serving.Go(func() { s.watchIncidents(s.succession.ending) })
	s.serving.Go(func() { s.heedKeys(ctx) })
	if s.fleet != nil {
		s.serving.Go(func() { s.fleet.advise(ctx, s.log) })
		if s.fleet.member != nil {
			s.serving.Go(func() { s.fleet.member.Run(ctx) })
		}
	}
	if s.Load != nil {
		s.routesFile.Read()
		s.serving.Go(func() { s.watch(ctx) })
	}
	s.serving.Go(func() { s.Supervisor.Watch(s.succession.ending) })
	s.announce()
	s.serving.Go(s.takeOver)
	return nil
}

// serve serves l until it is closed.
func (s *Server) serve(l *front.Listener) {
	s.log.Info("listening", l.Attrs()...)
	s.front.Accept(l)
}

func (s *Server) warn(cfg *config.Config) {
	for _, w := range slices.Concat(cfg.Warnings, certs.Advice(cfg)) {
		s.log.Warn("routes file", "warning", w.Error())
	}
}

// stop ends everything within the drain deadline. While it serves, a grace lets
// a load balancer in front notice that it is not ready.
func (s *Server) stop(serves bool) {
	s.succession.end()
	s.mu.Lock() // a reload ends before, or does not begin
	s.stopping.Store(true)
	heir := s.succession.heir
	s.mu.Unlock()
	drain := s.live.Load().cfg.Drain
	s.log.Info("stopping", "sessions", s.sessions.Stats().Open,
		"grace_s", drain.Grace.Seconds(), "over_s", drain.Over.Seconds(), "deadline_s", drain.Deadline.Seconds())
	ctx, cancel := context.WithTimeout(context.Background(), drain.Deadline)
	defer cancel()
	switch {
	case heir != nil:
		s.leave(ctx)
	case serves:
		s.Supervisor.Stopping()
		time.Sleep(drain.Grace) // only a second signal cuts it short, and that ends the process
	}
	s.draining.Store(true)
	if heir == nil {
		s.live.Load().pool.EndHolds()
	}
	if heir == nil && serves {
		// Who comes now hears 503 and when to try again, which tells a load
		// balancer more than a connection that is refused.
		s.front.EndKeepAlives()
		s.stopRelays(ctx)
		s.stopHTTP(ctx)
	} else {
		var parts sync.WaitGroup
		parts.Go(func() { s.stopHTTP(ctx) })
		parts.Go(func() { s.stopRelays(ctx) })
		parts.Wait()
	}
	s.fleet.stop(ctx)
	s.namespaces.Close()
	s.operators.stop()
	s.serving.Wait()
	s.front.Wait()
	s.frames.Close()
	s.transports.CloseIdleConnections()
	s.auth.Close()
	s.live.Load().pool.StopChecks()
	if s.running {
		stopCerts(s.live.Load().certs)
	}
	s.fleet.close()
	s.sessionLog.close()
	s.refusals.Close()
	s.access.Close()
	stats := s.counters.Stats()
	s.log.Info("stopped", "claims", stats.Claims, "duplicate_claims", stats.DuplicateClaims)
}

// stopHTTP ends the listening, and lets requests end that are under way.
func (s *Server) stopHTTP(ctx context.Context) {
	for _, l := range s.live.Load().listeners {
		l.Remove()
	}
	s.front.Stop(ctx)
}

// stopRelays ends the sessions, after the handshakes that lead to one.
func (s *Server) stopRelays(ctx context.Context) {
	s.namespaces.Stop()
	s.front.EndHandshakes()
	d := drain(s.live.Load().cfg, session.Shutdown, "usher is shutting down")
	var relays sync.WaitGroup
	relays.Go(func() { s.logCut(s.frames.Shutdown(ctx, d)) })
	relays.Go(func() { s.logCut(s.messages.Shutdown(ctx, d)) })
	// Who is refused from now on has no trace: sessions may take all the time
	// that there is.
	relays.Go(func() { stopTracer(ctx, s.live.Load().tracer) })
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
