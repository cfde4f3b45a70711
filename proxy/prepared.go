package proxy

import (
	"context"
	"crypto/tls"

	"usher/proxy/accesslog"
	"usher/proxy/auth"
	"usher/proxy/certs"
	"usher/proxy/config"
	"usher/proxy/handover"
	"usher/proxy/pages"
	"usher/proxy/watch"
)

// prepared is a routes file of which everything is done that may fail. It is
// followed by a commit or by undo.
type prepared struct {
	cfg       *config.Config
	old       *live
	certs     *certs.Keeper
	listeners *listeners
	operators *operatorListener
	pages     pages.Set
	access    *accesslog.Sink // nil for none
	auth      auth.Set

	upstreamFiles *watch.Files           // that upstreamTLS was made of
	upstreamTLS   map[string]*tls.Config // by the name of the upstream
}

// prepare does for cfg, which takes the place of what is live, everything that
// may fail. The sockets that from has are taken in place of new ones. It is
// called under mu; if there is an error, nothing is left of it.
func (s *Server) prepare(cfg *config.Config, from *handover.Inheritance) (*prepared, error) {
	p := &prepared{cfg: cfg, old: s.live.Load()}
	var err error
	if p.certs, err = s.nextKeeper(p.old, cfg); err != nil {
		return nil, certs.All(cfg, err)
	}
	p.upstreamFiles = certs.LookAtUpstreams(cfg)
	if p.upstreamTLS, err = certs.ForUpstreams(cfg); err != nil {
		return nil, certs.All(cfg, err)
	}
	if p.pages, err = pages.Open(cfg); err != nil {
		return nil, err
	}
	if p.auth, err = s.auth.Open(cfg); err != nil {
		return nil, err
	}
	if p.listeners, err = listen(cfg, p.old.listeners, from, s.log); err != nil {
		return nil, err
	}
	p.operators, err = s.operators.next(cfg, from)
	if err == nil {
		err = from.Check()
	}
	if err == nil {
		p.access, err = accesslog.Open(cfg)
	}
	if err == nil && s.running && p.newCerts() {
		err = startCerts(p.certs, cfg, p.listeners.all)
	}
	if err != nil {
		p.undo(s.operators.listener)
		return nil, err
	}
	return p, nil
}

// newCerts tells whether others keep the certificates than before.
func (p *prepared) newCerts() bool { return p.certs != p.old.certs }

// undo closes what prepare has opened; served is the operators' listener of
// before.
func (p *prepared) undo(served *operatorListener) {
	closeAll(p.listeners.opened)
	p.access.Close()
	if p.operators != served {
		p.operators.close()
	}
}

// commit serves p from now on, once the server runs. Nothing of it fails. It is
// called under mu.
func (s *Server) commit(p *prepared) (next *live) {
	next = s.newLive(p)
	s.live.Store(next)
	s.auth.Keep(p.auth)
	s.rechecks.Follow()
	s.access.Use(p.access)
	if s.Logging != nil {
		s.Logging(p.cfg.Log)
	}
	s.front.Serve(s.site(next))
	p.listeners.speak(p.cfg, p.certs, !p.newCerts())
	s.swapListeners(p.listeners)
	if s.running {
		next.pool.StartChecks()
	}
	s.operators.swap(s, p.operators)
	if s.running && p.newCerts() {
		stopCerts(p.old.certs)
	}
	if next.tracer != p.old.tracer {
		// A stop waits for it, and no longer than this.
		ctx, cancel := context.WithTimeout(context.Background(), p.cfg.Drain.Deadline)
		s.serving.Go(func() {
			defer cancel()
			stopTracer(ctx, p.old.tracer)
		})
	}
	s.transports.Keep(next.pool)
	return next
}
