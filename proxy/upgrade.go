package proxy

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"

	"usher/proxy/handover"
)

var (
	errNoProgram = errors.New("there is no program to start")
	errUpgrading = errors.New("an upgrade is under way")
	// errFirst is for containers, where an upgrade would be the end of all.
	errFirst = errors.New("usher is process 1, and what it runs in would end with it: replace the container instead")
)

// succession is how another process takes this one's place, and how this one
// has taken another's.
type succession struct {
	from   *handover.Inheritance // static; nil if nothing was given
	ending context.Context       // done when the server stops
	end    context.CancelFunc
	done   chan struct{} // closed when another process serves

	turn  sync.Mutex // held by a reload and by an upgrade: one of them at a time
	under atomic.Bool
	heir  int // pid of the other process, or 0; guarded by Server.mu
}

func newSuccession(from *handover.Inheritance) *succession {
	u := &succession{from: from, done: make(chan struct{})}
	u.ending, u.end = context.WithCancel(context.Background())
	return u
}

// Upgrade starts the Program with the sockets that this process listens on. Once
// it serves, which the caller is told by its pid, Run drains and returns. If it
// does not, or ctx ends before, this process goes on; the error says why, and so
// does the log.
func (s *Server) Upgrade(ctx context.Context) (pid int, err error) {
	if !s.succession.under.CompareAndSwap(false, true) {
		return 0, errUpgrading
	}
	defer s.succession.under.Store(false)
	s.succession.turn.Lock()
	defer s.succession.turn.Unlock()
	if pid, err = s.upgrade(ctx); err != nil {
		s.log.Error("upgrade failed, this process goes on", "program", s.Program.Path, "error", err)
	}
	return pid, err
}

func (s *Server) upgrade(ctx context.Context) (pid int, err error) {
	switch {
	case s.Program.Path == "":
		return 0, errNoProgram
	case os.Getpid() == 1:
		return 0, errFirst
	case s.stopping.Load():
		return 0, errStopped
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(s.succession.ending, func() { cancel(errStopped) })()
	var sockets []handover.Socket
	for _, l := range s.live.Load().listeners {
		sockets = append(sockets, l.HandOn())
	}
	if l := s.operators.listener; l != nil {
		sockets = append(sockets, l.handOn())
	}
	s.log.Info("upgrade", "program", s.Program.Path, "sockets", len(sockets))
	process, err := s.Program.Start(ctx, sockets, s.drains.all())
	if err != nil {
		return 0, err
	}
	return s.yield(process)
}

// yield lets process serve alone, unless this one was told to stop: then both
// do.
func (s *Server) yield(process *os.Process) (pid int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping.Load() {
		process.Kill() //nolint:errcheck // it may have ended by itself
		process.Wait() //nolint:errcheck // it was killed
		return 0, errStopped
	}
	s.stopping.Store(true)
	s.succession.heir = process.Pid
	s.Supervisor.Leave(process.Pid)
	s.log.Info("upgrade: the new process serves", "pid", process.Pid)
	close(s.succession.done)
	process.Release() //nolint:errcheck // it is nobody's child soon
	return s.succession.heir, nil
}

// announce says to who waits for it that the server serves. To the service
// manager it is the process before that says which one is the service now.
func (s *Server) announce() {
	if !s.succession.from.Succeeds() {
		s.Supervisor.Ready()
	}
	s.succession.from.Ready()
}

// leave ends the listening, but not what clients have begun who came here: each
// may finish its handshake.
func (s *Server) leave(ctx context.Context) {
	cfg := s.live.Load().cfg
	for _, l := range s.live.Load().listeners {
		l.Leave()
	}
	s.operators.listener.leave()
	ctx, cancel := context.WithTimeout(ctx, min(cfg.HandshakeTimeout, (cfg.Drain.Deadline-cfg.Drain.Over)/2))
	defer cancel()
	s.front.Settle(ctx)
}
