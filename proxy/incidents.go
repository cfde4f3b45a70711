package proxy

import (
	"context"
	"time"

	"usher/proxy/incident"
)

// loopsPatience is how long an answer waits for what the loops say.
const loopsPatience = time.Second

// incidents returns what is wrong now.
func (s *Server) incidents(ctx context.Context) []incident.Incident {
	o := s.observe()
	o.Waiting = make(map[string]int)
	ctx, cancel := context.WithTimeout(ctx, loopsPatience)
	defer cancel()
	for _, lp := range s.frames.Inspect(ctx) {
		for upstream, n := range lp.Fans.Waiting {
			o.Waiting[upstream] += n
		}
	}
	return s.tracker.Observe(time.Now(), o)
}

// watchIncidents looks from time to time, so that it is known since when something
// is wrong, until ctx is done.
func (s *Server) watchIncidents(ctx context.Context) {
	tick := time.NewTicker(incident.Often)
	defer tick.Stop()
	for now := time.Now(); ; now = time.Now() {
		s.tracker.Observe(now, s.observe())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// observe returns what can be told without a question to the loops.
func (s *Server) observe() *incident.Observation {
	live, reloads := s.live.Load(), s.reloads.stats()
	o := &incident.Observation{
		Upstreams: live.pool.Stats(), Outages: s.auth.Outages(), TLS: s.refusals.TLS(), Refusals: s.refusals.Totals(),
		Faults: reloads.Errors, Refused: reloads.FailedAt, Stopping: s.stopping.Load(), Sessions: s.sessions.Stats().Open,
	}
	for _, t := range s.drains.all() {
		o.Drains = append(o.Drains, t.String())
	}
	for _, c := range live.certs.Stats() {
		o.Certificates = append(o.Certificates, incident.Cert{Name: c.Name, Begins: c.NotBefore, Ends: c.NotAfter})
	}
	o.Descriptors, o.MaxDescriptors = incident.OpenDescriptors()
	return o
}
