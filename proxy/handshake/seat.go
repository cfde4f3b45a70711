package handshake

import (
	"net/netip"
	"sync"

	"usher/proxy/limits"
)

// seat is what a session counts for in the limits, from before its endpoint is
// asked to its end.
type seat struct {
	give func() // back, to the limits of sessions
	once sync.Once

	// The connection, whose front forgets it when the session begins.
	connections *limits.Connections // nil for one that counts there on, or not at all
	peer        netip.Addr
	began       bool
}

// begin says that the session has begun.
func (s *seat) begin() {
	if s != nil && s.connections != nil {
		s.began = true
		s.connections.Hold(s.peer)
	}
}

// leave gives the seat back. It may be called again.
func (s *seat) leave() {
	if s == nil {
		return
	}
	s.once.Do(func() {
		s.give()
		if s.began {
			s.connections.Leave(s.peer)
		}
	})
}
