// Package http2 serves the connections whose client has chosen HTTP/2, and
// makes sockets of the streams that WebSockets come by (RFC 8441).
package http2

import (
	"cmp"
	"context"
	"log" //nolint:depguard // an http.Server writes by one
	"net"
	"net/http"
	"time"

	"usher/proxy/socket"
)

const (
	// maxStreams is what one HTTP/2 connection may ask for at a time, if the config
	// does not say otherwise.
	maxStreams = 100
	// streamWindow is what a client may send on a stream that nobody reads, and
	// connectionWindow on all of them: so that a few that stall do not stop the
	// others. The config may say otherwise.
	streamWindow     = 256 << 10
	connectionWindow = 4 << 20
)

// Protocol is HTTP/2 by ALPN (RFC 9113, 3.2).
const Protocol = "h2"

// Config is what a Server serves by.
type Config struct {
	// Handler gets the requests, as those of HTTP/1. The ResponseWriter of one
	// that opens a WebSocket is a stream, see Take there.
	Handler http.Handler
	// Adapt, if not nil, is shown each request first, and may make another of it.
	Adapt func(r *http.Request)
	// Refuse answers a request that breaks a rule of HTTP/2.
	Refuse func(w http.ResponseWriter, r *http.Request, err error)

	// ConnContext and ConnState are hooks, as those of http.Server. ConnContext
	// is also called for each stream that opens a WebSocket, without a connection.
	ConnContext func(ctx context.Context, c net.Conn) context.Context
	ConnState   func(c net.Conn, state http.ConnState)

	ReadHeaderTimeout time.Duration
	IdleTimeout       time.Duration
	MaxHeaderBytes    int
	MaxStreams        int // that one connection may ask for at a time; if zero, 100
	StreamWindow      int // bytes of a stream that nobody reads; if zero, 256 KiB
	ConnectionWindow  int // and of all of them; if zero, 4 MiB
	ErrorLog          *log.Logger

	WriteTimeout time.Duration // in which a client takes nothing of what waits for it, of any stream
	PingInterval time.Duration // of silence before a client is pinged; 0 is never
	PingTimeout  time.Duration // from a ping to its answer
}

// Server serves the connections whose client chose HTTP/2. net/http does so
// for a *tls.Conn alone, which the connections of our listeners are not: they
// are checked as HTTP/1.1 on the wire. So they are handed over to a server of
// their own once the TLS handshake has told them apart.
type Server struct {
	*http.Server
	config Config
	in     *socket.Queue
}

// NewServer returns a server that Run serves.
func NewServer(config Config) *Server {
	s := &Server{config: config, in: socket.NewQueue()}
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true) // see Conn
	s.Server = &http.Server{
		Handler:           http.HandlerFunc(s.serve),
		Protocols:         &protocols,
		ConnContext:       s.connContext,
		ConnState:         config.ConnState,
		ReadHeaderTimeout: config.ReadHeaderTimeout,
		IdleTimeout:       config.IdleTimeout,
		MaxHeaderBytes:    config.MaxHeaderBytes,
		ErrorLog:          config.ErrorLog,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          cmp.Or(config.MaxStreams, maxStreams),
			MaxReadFrameSize:              streamBuffer,
			MaxReceiveBufferPerStream:     cmp.Or(config.StreamWindow, streamWindow),
			MaxReceiveBufferPerConnection: cmp.Or(config.ConnectionWindow, connectionWindow),
			WriteByteTimeout:              config.WriteTimeout,
			SendPingTimeout:               config.PingInterval,
			PingTimeout:                   config.PingTimeout,
		},

		DisableGeneralOptionsHandler: true,
	}
	return s
}

// Run serves what is handed over, until the server is told to stop.
func (s *Server) Run() error { return s.Serve(s.in) }

// Hand gives c to the server, or closes it and reports so if that has stopped.
// Nobody else touches it any more.
func (s *Server) Hand(c *Conn) (ok bool) { return s.in.Hand(c) }

// serve takes the requests of HTTP/2 as those of HTTP/1, but for what net/http
// leaves to its handler: a Host beside the :authority, and the length of a body
// that does not come.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	r.TLS = ConnOf(r).state // whatever the client calls the scheme
	if s.config.Adapt != nil {
		s.config.Adapt(r)
	}
	if refused := check(r); refused != nil {
		s.config.Refuse(w, r, refused)
		return
	}
	delete(r.Header, "Host") // it is what r.Host is
	if isStream(r) {
		s.serveStream(w, r)
		return
	}
	if r.ContentLength > 0 {
		r.Body = body{r.Body}
	}
	s.config.Handler.ServeHTTP(w, r)
}
