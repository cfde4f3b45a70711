package namespaces

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"usher/proxy/fleet/owner"
	"usher/proxy/handshake"
	"usher/proxy/limits"
	"usher/proxy/refusal"
	"usher/proxy/relay"
	"usher/proxy/session"
	"usher/proxy/tracing"
	"usher/proxy/upstream"
)

// Config is what a Server works with. All of it is required, but for Key and Owners.
type Config struct {
	Frames    *relay.Group
	Sessions  *session.Registry
	Open      *limits.Sessions           // that count
	Upstreams func() *upstream.Pool      // that of the last routes file
	Tracer    func() *tracing.Tracer     // likewise; of legs
	Drained   func(upstream string) bool // by an operator: it gets no legs
	Admit     func(route string) error   // why no session may begin there, nil if one may
	Opened    func(*session.Session)     // a session has begun
	Log       *slog.Logger
	Refusals  *refusal.Writer
	Leg       func(client net.Conn, early []byte) relay.Leg

	// Park takes the connection of a request without a body, which nothing was
	// written to, out of net/http; false if it stays there.
	Park func(w http.ResponseWriter, r *http.Request) (Parked, bool)

	// Moves tells whether the connection of a request can go to the process that
	// takes this one's place.
	Moves func(r *http.Request) bool

	// Key makes the tags of endpoints that clients keep, and come back with to
	// another usher that has the same. If empty, it is a random one.
	Key []byte

	// Owners knows which other node of a fleet has which session; nil for none.
	Owners *owner.Owners
}

// Server holds the sessions of all routes with namespaces by their sids.
type Server struct {
	// static after construction
	Config

	sids  *sids
	stats counters
	legs  handshake.Legs

	zippers  zippers
	expected expected
	guards   sync.Map // route → *guards, as the last file that had the route says

	closed  atomic.Bool // no new sessions
	ctx     context.Context
	cancel  context.CancelCauseFunc
	dialing sync.WaitGroup
	parked  sync.WaitGroup
}

// errClosed is why a leg is not dialled any more.
var errClosed = errors.New(refusal.ErrStopping.Rule)

// NewServer returns a Server without sessions.
func NewServer(c Config) *Server {
	if len(c.Key) == 0 {
		c.Key = make([]byte, 32)
		rand.Read(c.Key) // never fails
	}
	s := &Server{Config: c, sids: newSIDs(), zippers: newZippers()}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	return s
}

// Stop refuses new sessions from now on.
func (s *Server) Stop() { s.closed.Store(true) }

// Close returns when no leg is being dialled and no GET is parked any more. The
// relay has ended, and connections that wait for requests are closed.
func (s *Server) Close() {
	s.Stop()
	s.cancel(errClosed)
	s.dialing.Wait()
	s.parked.Wait()
}

// Lose ends the legs to the endpoints of these identities, as if they had gone
// down: a reload has removed them, or an operator drains them. Sessions that
// would end with them are ended as d says.
func (s *Server) Lose(identities []string, d session.Drain) {
	gone := make(map[string]bool, len(identities))
	for _, identity := range identities {
		gone[s.tag(identity)] = true
	}
	if len(gone) > 0 {
		s.Frames.LoseLegs(d, func(tag string) bool { return gone[tag] })
	}
}
