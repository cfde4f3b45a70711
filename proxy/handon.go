package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"usher/proxy/handover"
	"usher/proxy/relay"
	"usher/proxy/session"
	"usher/proxy/transfer"
	"usher/proxy/upstream"
)

// settleTime is how long an upgrade waits for handshakes that are under way, so
// that their sessions move with the others. Those that take longer move later.
const settleTime = time.Second

// legacy is what the process that takes this one's place is told before it
// serves. It goes to nobody else.
type legacy struct {
	MarkKey       []byte
	NamespacesKey []byte // see namespaces.Config
	PoolSecret    []byte // see upstream.Pool
	Upstreams     upstream.Memory
	Last          uint64 // number of the newest session
	Node          string // its id in the fleet, which sids have
}

// numbersAhead is more sessions than begin here while the next process starts.
const numbersAhead = 1 << 20

func (s *Server) legacy() legacy {
	return legacy{
		MarkKey: s.markKey[:], NamespacesKey: s.namespaces.Key, PoolSecret: s.live.Load().pool.Secret(),
		Upstreams: s.live.Load().pool.Memory(), Last: s.sessions.Last() + numbersAhead, Node: s.fleet.node(),
	}
}

// handOn gives the sessions that can move to the process that takes this one's
// place, and returns how many it has taken. One after the other, as long as there
// are handshakes under way that lead to more, or sessions that are busy. Those of
// clients that poll move when no request can come here any more, and what has come
// is with who serves it.
func (s *Server) handOn(ctx context.Context, patience time.Duration) (moved int) {
	heir := s.succession.heir
	if heir == nil || heir.Channel == nil {
		return 0
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	giver := &transfer.Giver{
		Channel: heir.Channel, Frames: s.frames, Split: s.namespaces,
		Question: func(x *session.Session) string { return s.rechecks.Question(x).Text() },
		Given:    s.rechecks.Forget,
	}
	for settled := false; ; settled = true {
		n, err := giver.Give(settled)
		if moved += n; err != nil {
			s.log.Warn("sessions stay, and drain", "error", err)
		}
		if errors.Is(err, handover.ErrRevoked) {
			return moved
		}
		switch {
		case !settled:
			s.front.Settle(ctx)
			pause(ctx, busyTime)
		case s.frames.Staying()[relay.Busy] == 0 || !pause(ctx, busyTime):
			return moved
		}
	}
}

// busyTime is after how long sessions that were busy are asked again.
const busyTime = 20 * time.Millisecond

// pause waits for d, and tells whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// handClientsOn has heir take the clients that ask for nothing yet, from now on
// until stay is called.
func (s *Server) handClientsOn(heir *handover.Heir) {
	ctx, stay := context.WithCancel(context.Background())
	done := make(chan struct{})
	s.succession.stay = func() { stay(); <-done }
	if heir.Channel == nil {
		close(done)
		return
	}
	s.serving.Go(func() {
		defer close(done)
		if err := transfer.GiveClients(ctx, heir.Channel, s.front); err != nil {
			s.log.Warn("clients stay", "error", err)
		}
	})
}

// learned is what this process knows besides its sessions.
func (s *Server) learned() transfer.Learned {
	l := transfer.Learned{Upstreams: s.live.Load().pool.Memory(), Ended: s.sessions.EndedStates()}
	l.Drains, _ = json.Marshal(s.drains.all()) // of plain strings
	return l
}
