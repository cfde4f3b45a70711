// Package proxy assembles usher: listeners, the handshake, the relay and what
// forwards plain requests, from the start to the end of a process.
package proxy

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"usher/proxy/certs"
	"usher/proxy/config"
	"usher/proxy/forward"
	"usher/proxy/handshake"
	"usher/proxy/headers"
	"usher/proxy/http1"
	"usher/proxy/messages"
	"usher/proxy/relay"
	"usher/proxy/route"
	"usher/proxy/session"
	"usher/proxy/upstream"
)

const (
	// maxHead is what net/http takes of a request's head before it answers
	// 431; http1 counts more closely.
	maxHead = 64 << 10
	// idleTimeout ends kept-alive HTTP connections that ask for nothing.
	idleTimeout = 2 * time.Minute
)

// errStopping is the answer to handshakes that come too late.
var errStopping = &handshake.Error{Status: http.StatusServiceUnavailable, Reason: handshake.Endpoint, Rule: "usher is stopping"}

// Server is one usher, from New to the end of Run.
type Server struct {
	// static after construction
	cfg         *config.Config
	log         *slog.Logger
	certs       *certs.Keeper // nil without a TLS listener
	listeners   []*listener
	announces   bool // some upstream is told who the client is
	http        *http.Server
	h2          *h2Server
	connections *connections
	handshake   *handshake.Handler
	forward     *forward.Forwarder
	sessions    *session.Registry
	sessionLog  *sessionLog
	frames      *relay.Group
	messages    *messages.Relay
	options     map[manner]*relay.Options
	gate        *gate

	stopping atomic.Bool
}

// New opens cfg's listeners and starts the relay. Whoever has a Server calls
// Run, once, which ends all of it. log gets a line for each session.
func New(cfg *config.Config, log *slog.Logger) (*Server, error) {
	keeper, err := certs.Open(cfg, log)
	if err != nil {
		return nil, err
	}
	upstreamTLS, err := certs.ForUpstreams(cfg)
	if err != nil {
		return nil, err
	}
	listeners, err := listen(cfg, keeper, log)
	if err != nil {
		return nil, err
	}
	frames, err := relay.NewGroup()
	if err != nil {
		closeAll(listeners)
		return nil, fmt.Errorf("start the relay: %w", err)
	}
	s := &Server{
		cfg: cfg, log: log, certs: keeper, announces: announces(cfg),
		listeners: listeners, connections: newConnections(),
		frames: frames, options: relayOptions(cfg.Routes),
		sessionLog: newSessionLog(log), gate: newGate(errStopping),
	}
	s.sessions = session.NewRegistry(s.sessionLog.ended)
	s.assemble(upstreamTLS)
	return s, nil
}

// assemble connects the parts that serve a request.
func (s *Server) assemble(upstreamTLS map[string]*tls.Config) {
	pool := upstream.NewPool(s.cfg.Upstreams)
	pool.Wrap, pool.TLS = relay.NewConn, upstreamTLS
	rules := headers.Rules{Trusted: s.cfg.TrustedProxies}
	s.handshake = &handshake.Handler{
		Table:     route.NewTable(s.cfg),
		Upstreams: pool,
		Sessions:  s.sessions,
		Headers:   rules,
		Log:       s.log,
		Adopt:     s.adopt,
	}
	s.forward = &forward.Forwarder{Upstreams: pool, Headers: rules, Refuse: s.refuseForwarded}
	s.handshake.Forward = s.forward.ServeHTTP
	s.messages = messages.NewRelay(s.handshake.Exchange)
	s.handshake.Messages = s.relayMessages
	s.http = &http.Server{
		Handler:                      http.HandlerFunc(s.serveHTTP),
		ConnContext:                  connContext,
		ConnState:                    s.connections.change,
		ReadHeaderTimeout:            s.cfg.HandshakeTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHead,
		ErrorLog:                     slog.NewLogLogger(serverLog{s.log.Handler()}, slog.LevelError),
		DisableGeneralOptionsHandler: true, // "OPTIONS *" gets the answer of every other wrong target
	}
	s.h2 = newH2Server(s)
	for _, l := range s.listeners {
		l.h2 = s.h2.in
	}
}

// serveHTTP leads handshakes through the gate.
func (s *Server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	if r.TLS == nil && s.servePlain(w, r) {
		return
	}
	if s.announces {
		r = s.withClient(r)
	}
	if r.Header["Upgrade"] == nil {
		s.handshake.ServeHTTP(w, r)
		return
	}
	r, p, ok := s.gate.enter(r)
	if !ok {
		s.handshake.Refuse(w, r, errStopping)
		return
	}
	defer p.leave()
	s.handshake.ServeHTTP(w, r)
}

// refuseForwarded tells a client's fault, which comes up when its body is read,
// from the upstream's.
func (s *Server) refuseForwarded(w http.ResponseWriter, r *http.Request, err error) {
	if broken, ok := errors.AsType[*http1.Error](err); ok {
		err = &handshake.Error{Status: broken.Status, Reason: handshake.Body, Rule: broken.Rule}
	}
	s.handshake.Refuse(w, r, err)
}

// relayMessages serves the whole life of a session, which has its own end.
func (s *Server) relayMessages(w http.ResponseWriter, r *http.Request, c handshake.Claim) {
	p := passageOf(r)
	p.leave()
	s.messages.ServeHTTP(w, p.request, c)
}

// Addresses returns where the server listens, in the order of the file.
func (s *Server) Addresses() []net.Addr {
	list := make([]net.Addr, 0, len(s.listeners))
	for _, l := range s.listeners {
		list = append(list, l.Addr())
	}
	return list
}

// Ready tells whether new clients are welcome: not since the server was told to
// stop, even if it serves on for a while.
func (s *Server) Ready() bool { return !s.stopping.Load() }

// Stats is a Server at one moment.
type Stats struct {
	Sessions  session.Stats
	Handshake handshake.Stats
	Relay     relay.Stats

	Certificates []certs.Stats
}

// Stats returns the numbers of all parts.
func (s *Server) Stats() Stats {
	return Stats{
		Sessions:  s.sessions.Stats(),
		Handshake: s.handshake.Stats(),
		Relay:     s.frames.Stats(),

		Certificates: s.certs.Stats(),
	}
}
