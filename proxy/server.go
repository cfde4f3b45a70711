package proxy

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"

	"usher/proxy/accesslog"
	"usher/proxy/admin"
	"usher/proxy/auth"
	"usher/proxy/certs"
	"usher/proxy/config"
	"usher/proxy/encode"
	"usher/proxy/fleet/link"
	"usher/proxy/forward"
	"usher/proxy/front"
	"usher/proxy/handover"
	"usher/proxy/handshake"
	"usher/proxy/headers"
	"usher/proxy/incident"
	"usher/proxy/limits"
	"usher/proxy/messages"
	"usher/proxy/namespaces"
	"usher/proxy/plain"
	"usher/proxy/refusal"
	"usher/proxy/relay"
	"usher/proxy/session"
	"usher/proxy/upstream"
	"usher/proxy/watch"
)

// Server is one usher, from New to the end of Run.
type Server struct {
	// Load reads the routes file again; nil if there is none to read. It may be
	// set until Run begins.
	Load func() (*config.Config, error)
	// Version is what operators are told; likewise.
	Version string

	// Logging is told what the file that is served from now on says of the log,
	// nobody if it is nil; likewise.
	Logging func(config.Log)

	// Program is what takes the place of this process when it is upgraded; the
	// zero value if it cannot be. It may be set until Run begins.
	Program handover.Program

	// Supervisor is told how the server stands, nobody if it is nil. It may be
	// set until Run begins.
	Supervisor *handover.Supervisor

	// static after construction
	log         *slog.Logger
	front       *front.Server
	routesFile  *watch.Files
	counters    *handshake.Counters
	refusals    *refusal.Writer
	access      *accesslog.Log
	auth        *auth.Keeper
	rechecks    *auth.Rechecks
	sids        *auth.SIDs
	plain       *plain.Counters
	transports  *forward.Transports
	encoders    *encode.Encoders
	sessions    *session.Registry
	open        *limits.Sessions
	requests    *limits.Requests
	connections *limits.Connections
	sessionLog  *sessionLog
	frames      *relay.Group
	namespaces  *namespaces.Server
	messages    *messages.Relay
	operators   *operators
	fleet       *fleet         // nil if it is alone
	id          string         // among other ushers
	markKey     [32]byte       // of sessions' marks
	serving     sync.WaitGroup // Run's goroutines
	failed      chan error     // why a listener accepts nobody any more

	live       atomic.Pointer[live] // changed under mu
	stopping   atomic.Bool          // set under mu
	reloads    reloads
	drains     drains
	tracker    incident.Tracker
	draining   atomic.Bool // Close frames are sent
	succession *succession

	mu      sync.Mutex // held by a reload, from the look at the old to the last of the new
	running bool       // guarded by mu: the listeners are served
}

// New opens cfg's listeners and starts the relay. Whoever has a Server calls
// Run, once, which ends all of it. log gets a line for each session.
func New(cfg *config.Config, log *slog.Logger) (*Server, error) { return Inherit(cfg, log, nil) }

// Inherit is New for a process that was given sockets. Who was here before it
// hears of it when Run serves.
func Inherit(cfg *config.Config, log *slog.Logger, from *handover.Inheritance) (*Server, error) {
	frames, err := relay.NewGroup()
	if err != nil {
		return nil, fmt.Errorf("start the relay: %w", err)
	}
	s := newServer(cfg, log, frames, from)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fleet, err = openFleet(cfg, log); err != nil {
		s.discard()
		return nil, certs.All(cfg, err)
	}
	if err := s.join(cfg, from); err != nil {
		s.discard()
		return nil, err
	}
	p, err := s.prepare(cfg, from)
	if err != nil {
		s.discard()
		return nil, err
	}
	s.commit(p)
	var drains []admin.Target
	if from.Will(&drains) {
		s.inheritDrains(drains)
	}
	s.live.Load().pool.Recall(s.succession.known)
	return s, nil
}

// newServer returns a server that serves nothing yet.
func newServer(cfg *config.Config, log *slog.Logger, frames *relay.Group, from *handover.Inheritance) *Server {
	s := &Server{
		log: log, failed: make(chan error, 1), frames: frames, routesFile: watch.Look(cfg.File),
		counters: new(handshake.Counters), open: new(limits.Sessions), requests: limits.NewRequests(), connections: new(limits.Connections), transports: new(forward.Transports), encoders: new(encode.Encoders),
		sessionLog: newSessionLog(log), succession: newSuccession(from), refusals: &refusal.Writer{Log: log}, access: accesslog.New(log), plain: new(plain.Counters), auth: auth.NewKeeper(log), sids: new(auth.SIDs),
	}
	s.front = front.NewServer(front.Config{
		Loops: frames, HeadTimeout: cfg.HandshakeTimeout, Limits: ofConnections(cfg), Connections: s.connections, ConnContext: handshake.ConnContext,
		Refusals: s.refusals, Access: s.access, Requests: s.plain, Stopping: refusal.ErrStopping, Failed: s.failed, Log: log,
	})
	rand.Read(s.markKey[:])
	s.id = headers.NewID()
	s.live.Store(nothing(log, s.id))
	s.rechecks = auth.NewRechecks(s.auth, s.gate)
	s.sessions = session.NewRegistry(s.ended)
	before := s.inherit()
	s.messages = messages.NewRelay(handshake.Finish, func(x *session.Session) { s.opened(x, s.messages) })
	s.messages.Taps = frames.Taps()
	s.namespaces = s.newNamespaces(cfg, before.NamespacesKey)
	s.operators = newOperators(s)
	return s
}

// discard ends what newServer has begun. No session was ever there.
func (s *Server) discard() {
	s.frames.Close()
	s.sessionLog.close()
	s.access.Close()
	s.auth.Close()
	s.fleet.close()
}

// Addresses returns where the server listens, in the order of the file.
func (s *Server) Addresses() []net.Addr {
	listeners := s.live.Load().listeners
	list := make([]net.Addr, 0, len(listeners))
	for _, l := range listeners {
		list = append(list, l.Addr())
	}
	return list
}

// Stats is a Server at one moment.
type Stats struct {
	Sessions   session.Stats
	Handshake  handshake.Stats
	Refusals   map[string]uint64 // by reason; all reasons are there
	Relay      relay.Stats
	Namespaces namespaces.Stats
	Reloads    ReloadStats
	Upstreams  []upstream.Stats // by name

	Certificates []certs.Stats
	Nodes        []link.Peer // the others of the fleet
}

// Stats returns the numbers of all parts.
func (s *Server) Stats() Stats {
	return Stats{
		Sessions:   s.sessions.Stats(),
		Handshake:  s.counters.Stats(),
		Refusals:   s.refusals.Reasons(),
		Relay:      s.frames.Stats(),
		Namespaces: s.namespaces.Stats(),
		Reloads:    s.reloads.stats(),
		Upstreams:  s.live.Load().pool.Stats(),

		Certificates: s.live.Load().certs.Stats(),
		Nodes:        s.fleet.nodes(),
	}
}
