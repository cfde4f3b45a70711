package proxy

import (
	"context"
	"encoding/json"
	"net/netip"
	"time"

	"usher/proxy/admin"
	"usher/proxy/auth"
	"usher/proxy/front"
	"usher/proxy/limits"
	"usher/proxy/namespaces"
	"usher/proxy/session"
	"usher/proxy/transfer"
)

// inherit goes on where the usher before has stopped, and returns what it knew.
func (s *Server) inherit() legacy {
	var l legacy
	if s.succession.from.Secret(&l) {
		copy(s.markKey[:], l.MarkKey)
		s.sessions.GoOn(l.Last)
		if len(l.PoolSecret) > 0 {
			s.live.Load().pool.UseSecret(l.PoolSecret)
		}
		s.succession.known, s.succession.node = l.Upstreams, l.Node
	}
	s.succession.takes = s.succession.from.Channel()
	return l
}

// takeOver takes the sessions of the usher before, until it has given all.
func (s *Server) takeOver() {
	defer close(s.succession.taken)
	c := s.succession.takes
	if c == nil {
		return
	}
	defer context.AfterFunc(s.succession.ending, c.Close)()
	defer c.Close()
	began := time.Now()
	taker := &transfer.Taker{
		Frames: s.frames, Sessions: s.sessions, Hold: s.hold,
		Recheck: func(x *session.Session, question string) { s.rechecks.Add(x, auth.ParseQuestion(question)) },
		Opened:  func(x *session.Session) { s.opened(x, s.frames) },
		Split:   func() *namespaces.Table { return s.live.Load().split },
		Learn:   s.learn,
		Lost: func(endpoints []string) {
			if len(endpoints) > 0 {
				s.namespaces.Lose(endpoints, drain(s.live.Load().cfg, session.Drained, removed))
			}
		},
		Arrive: func(st front.ClientState, descriptor int) (commit, drop func(), err error) {
			return s.front.Arrive(st, descriptor, s.live.Load().listeners)
		},
	}
	taken, err := taker.Take(c)
	s.namespaces.Settled()
	s.log.Info("sessions taken over", "sessions", taken, "duration_s", time.Since(began).Seconds())
	if err != nil && s.succession.ending.Err() == nil {
		s.log.Warn("sessions not taken over", "error", err)
	}
}

// hold counts x at its endpoint and in the limits, if its endpoint and its route
// are there.
func (s *Server) hold(x *session.Session) (release func()) {
	now, leave, give := s.live.Load(), func() {}, func() {}
	client, _ := netip.ParseAddr(x.Client) // invalid without one, who counts nowhere
	if r := now.table.Get(x.Claim); r != nil {
		leave = s.open.Hold(&r.Quota, r.String(), limits.Client{Address: client, User: x.User})
	}
	if e := now.pool.Endpoint(x.Target); e != nil {
		e.Hold()
		give = e.Release
	}
	if !x.Counts {
		client = netip.Addr{}
	}
	s.connections.Hold(client)
	return func() { s.connections.Leave(client); leave(); give() }
}

// learn adds what the usher before knows to what this one does.
func (s *Server) learn(l transfer.Learned) {
	s.live.Load().pool.Recall(l.Upstreams)
	s.sessions.Recall(l.Ended)
	var drains []admin.Target
	if json.Unmarshal(l.Drains, &drains) == nil {
		s.inheritDrains(drains)
	}
}
