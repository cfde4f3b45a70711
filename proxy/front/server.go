// Package front has the clients' connections from the accept until they are a
// session's, or a guest's of net/http or HTTP/2: listeners, the PROXY protocol,
// TLS, the wire's rules, the handshakes that a loop makes, what never comes to a
// route, and who is under way.
package front

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"usher/proxy/accesslog"
	"usher/proxy/config"
	"usher/proxy/http1"
	"usher/proxy/http2"
	"usher/proxy/limits"
	"usher/proxy/plain"
	"usher/proxy/refusal"
	"usher/proxy/relay"
	"usher/proxy/socket"
)

const (
	// idleTimeout ends kept-alive HTTP connections that ask for nothing.
	idleTimeout = 2 * time.Minute
	// freshTimeout is how long a client may take to ask that was accepted just
	// before the listening ended.
	freshTimeout = time.Second
)

// Config is what a Server is made of.
type Config struct {
	Loops       *relay.Group  // that have the connections
	HeadTimeout time.Duration // for a request's head
	Limits      config.Limits // of connections of HTTP/2
	Connections *limits.Connections
	// ConnContext is a hook as that of http.Server. It is also called for each
	// WebSocket that comes by HTTP/2, without a connection.
	ConnContext func(ctx context.Context, c net.Conn) context.Context
	Refusals    *refusal.Writer // of requests that no handler sees, too
	Stopping    error           // why handshakes are cancelled by EndHandshakes
	Access      *accesslog.Log  // may be nil
	Requests    *plain.Counters // likewise
	Failed      chan<- error    // gets why a listener accepts nobody any more, if there is room
	Log         *slog.Logger
}

// Server serves HTTP to the clients that Listeners accept.
type Server struct {
	// static after construction
	http       *http.Server
	h2         *http2.Server
	guests     *socket.Queue // of http's
	loops      *relay.Group
	workers    workers
	inflight   *inflight
	departures *departures
	refusals   *refusal.Writer
	access     *accesslog.Log
	requests   *plain.Counters
	hints      *hints
	context    func(ctx context.Context, c net.Conn) context.Context
	failed     chan<- error
	log        *slog.Logger

	site    atomic.Pointer[Site]
	serving sync.WaitGroup // all goroutines
}

// NewServer returns a server that accepts nobody yet.
func NewServer(c Config) *Server {
	s := &Server{
		guests: socket.NewQueue(), loops: c.Loops, workers: make(workers, runtime.GOMAXPROCS(0)),
		inflight: newInflight(c.Stopping, c.Connections), departures: newDepartures(),
		refusals: c.Refusals, access: c.Access, requests: c.Requests, hints: newHints(c.Log),
		context: c.ConnContext, failed: c.Failed, log: c.Log,
	}
	s.http = &http.Server{
		Handler:                      http.HandlerFunc(s.serve),
		ConnContext:                  s.connContext,
		ConnState:                    s.inflight.change,
		ReadHeaderTimeout:            c.HeadTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               2 * http1.MaxHead, // HTTP/2 counts 32 bytes more for each line; HTTP/1 has been counted
		ErrorLog:                     ErrorLog(c.Log),
		DisableGeneralOptionsHandler: true, // handshake answers "OPTIONS *"
	}
	s.h2 = http2.NewServer(http2.Config{
		Handler:           s.http.Handler,
		Refuse:            s.refuse,
		ConnContext:       c.ConnContext,
		ConnState:         s.inflight.changeH2,
		ReadHeaderTimeout: s.http.ReadHeaderTimeout,
		IdleTimeout:       s.http.IdleTimeout,
		MaxHeaderBytes:    s.http.MaxHeaderBytes,
		ErrorLog:          s.http.ErrorLog,
		WriteTimeout:      c.Limits.WriteTimeout,
		PingInterval:      c.Limits.PingInterval,
		PingTimeout:       c.Limits.PingTimeout,
	})
	return s
}

// Start serves the connections that loops do not.
func (s *Server) Start() {
	s.serving.Go(func() { s.fail(s.h2.Run()) })
	s.serving.Go(func() { s.fail(s.http.Serve(s.guests)) })
}

// Accept has the loops accept the clients of l until it is removed.
func (s *Server) Accept(l *Listener) {
	l.server = s
	accepting, err := s.loops.Listen(l.Listener, l)
	if err != nil {
		s.fail(err)
		return
	}
	l.accepting = accepting
}

// seat gives a client, whose connection is conn, to a loop, with what was read
// of it already.
func (s *Server) seat(c *client, conn net.Conn, early []byte) {
	if s.loops.Seat(conn, early, c) != nil {
		s.inflight.remove(c)
	}
}

func (s *Server) fail(err error) {
	if errors.Is(err, http.ErrServerClosed) {
		return
	}
	select {
	case s.failed <- err:
	default: // another has failed before
	}
}

// Settle waits, until ctx is done, for those who have come here and have not
// finished their handshake. The listeners are closed.
func (s *Server) Settle(ctx context.Context) {
	s.inflight.wait(ctx, unsettled) //nolint:errcheck // whoever is too slow is not waited for
}

// EndHandshakes cancels the handshakes that are under way, lets no more begin,
// and returns when the last is over.
func (s *Server) EndHandshakes() { s.inflight.endHandshakes() }

// EndKeepAlives has each answer be the last on its connection.
func (s *Server) EndKeepAlives() {
	s.http.SetKeepAlivesEnabled(false)
	s.h2.SetKeepAlivesEnabled(false)
}

// Stop lets requests end that are under way or about to be, until ctx is done:
// who was accepted cannot know that nobody wants to hear it. The listeners are
// closed.
func (s *Server) Stop(ctx context.Context) {
	soon, cancel := context.WithTimeout(ctx, freshTimeout)
	defer cancel()
	s.Settle(soon)
	s.inflight.closeFresh()
	var parts sync.WaitGroup
	for _, h := range []*http.Server{s.http, s.h2.Server} {
		parts.Go(func() {
			if h.Shutdown(ctx) != nil {
				h.Close()
			}
		})
	}
	parts.Wait()
}

// Wait returns when nothing of a stopped server is left but its log.
func (s *Server) Wait() {
	s.serving.Wait()
	s.inflight.wait(context.Background(), everything) //nolint:errcheck // it has no end
}
