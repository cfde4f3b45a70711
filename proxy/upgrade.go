package proxy

import (
	"context"
	"errors"
	"os"
	"time"

	"usher/proxy/admin"
	"usher/proxy/handover"
	"usher/proxy/relay"
	"usher/proxy/transfer"
)

var (
	errNoProgram = errors.New("there is no program to start")
	errUpgrading = errors.New("an upgrade is under way")
	// errFirst is for containers, where an upgrade would be the end of all.
	errFirst = errors.New("usher is process 1, and what it runs in would end with it: replace the container instead")
)

// Upgrade starts the Program with the sockets that this process listens on. Once
// it serves it takes over the sessions that can move, and Run drains the others and
// returns. If it does not, or ctx ends before, this process goes on; the error
// says why, and so does the log.
func (s *Server) Upgrade(ctx context.Context) (done admin.Upgraded, err error) {
	if !s.succession.under.CompareAndSwap(false, true) {
		return done, errUpgrading
	}
	defer s.succession.under.Store(false)
	s.succession.turn.Lock()
	defer s.succession.turn.Unlock()
	heir, err := s.raise(ctx)
	if err == nil {
		err = s.resign(heir)
	}
	if err != nil {
		s.log.Error("upgrade failed, this process goes on", "program", s.Program.Path, "error", err)
		return done, err
	}
	done = s.yield(heir)
	close(s.succession.done)
	return done, nil
}

// raise starts the process that is to take this one's place, and returns it once
// it serves.
func (s *Server) raise(ctx context.Context) (*handover.Heir, error) {
	switch {
	case s.Program.Path == "":
		return nil, errNoProgram
	case os.Getpid() == 1:
		return nil, errFirst
	case s.stopping.Load():
		return nil, errStopped
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(s.succession.ending, func() { cancel(errStopped) })()
	select {
	case <-s.succession.taken: // what the usher before has is not on its way any more
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	var sockets []handover.Socket
	for _, l := range s.live.Load().listeners {
		sockets = append(sockets, l.HandOn())
	}
	if l := s.operators.listener; l != nil {
		sockets = append(sockets, l.handOn())
	}
	sockets = append(sockets, s.fleet.handOn()...)
	s.log.Info("upgrade", "program", s.Program.Path, "sockets", len(sockets))
	return s.Program.Start(ctx, sockets, handover.Will{Open: s.drains.all(), Secret: s.legacy()})
}

// resign has heir be the service from now on, unless this process was told to
// stop: then both do.
func (s *Server) resign(heir *handover.Heir) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping.Load() {
		heir.Kill() //nolint:errcheck // it may have ended by itself
		heir.Wait() //nolint:errcheck // it was killed
		return errStopped
	}
	s.stopping.Store(true)
	s.succession.heir = heir
	s.Supervisor.Leave(heir.Pid)
	s.log.Info("upgrade: the new process serves", "pid", heir.Pid)
	for _, l := range s.live.Load().listeners {
		l.Leave()
	}
	s.operators.listener.leave()
	s.serving.Go(func() { s.fleet.leave(s.succession.ending) })
	return nil
}

// yield gives heir what can move.
func (s *Server) yield(heir *handover.Heir) admin.Upgraded {
	began := time.Now()
	if heir.Deaf != nil {
		s.log.Warn("upgrade: the new process takes over no sessions, they drain", "error", heir.Deaf)
	}
	if heir.Channel != nil {
		if err := transfer.GiveLearned(heir.Channel, s.learned()); err != nil {
			s.log.Warn("the new process does not learn what this one knows", "error", err)
		}
	}
	s.handClientsOn(heir)
	moved := s.handOn(s.succession.ending, settleTime)
	done := admin.Upgraded{PID: heir.Pid, Moved: moved, Seconds: time.Since(began).Seconds(), Drain: s.frames.Staying()}
	if heir.Channel != nil {
		done.Later = done.Drain[relay.Busy]
		delete(done.Drain, relay.Busy)
	}
	if n := s.messages.Open(); n > 0 {
		done.Drain["relay: messages"] = n
	}
	s.log.Info("upgrade: sessions moved", "sessions", done.Moved, "duration_s", done.Seconds, "drain", done.Drain)
	return done
}

// announce says to who waits for it that the server serves. To the service
// manager it is the process before that says which one is the service now.
func (s *Server) announce() {
	if !s.succession.from.Succeeds() {
		s.Supervisor.Ready()
	}
	s.succession.from.Ready()
}

// leave ends what clients have begun who came here: each may finish its handshake,
// and moves then.
func (s *Server) leave(ctx context.Context) {
	<-s.succession.done // who was told to stop may come here while Upgrade still yields
	cfg := s.live.Load().cfg
	s.handOn(ctx, min(cfg.HandshakeTimeout, (cfg.Drain.Deadline-cfg.Drain.Over)/2))
	s.succession.stay()
	s.front.EndKeepAlives()
	s.succession.heir.Channel.Close()
	s.succession.heir.Release() //nolint:errcheck // it is nobody's child soon
}
