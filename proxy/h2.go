package proxy

import (
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"usher/proxy/handshake"
	"usher/proxy/http1"
)

const (
	// maxStreams is what one HTTP/2 connection may ask for at a time.
	maxStreams = 100
	// streamWindow is what a client may send on a stream that nobody reads, and
	// connectionWindow on all of them: so that a few that stall do not stop the
	// others.
	streamWindow     = 256 << 10
	connectionWindow = 4 << 20
	protocolH2       = "h2" // by ALPN (RFC 9113, 3.2)
)

// errHandedOver ends net/http's HTTP/1 side of a connection that is HTTP/2.
var errHandedOver = errors.New("the connection went to HTTP/2")

// h2Server serves the connections whose client chose HTTP/2. net/http does so
// for a *tls.Conn alone, which the connections of our listeners are not: they
// are checked as HTTP/1.1 on the wire. So they are handed over to a server of
// their own once the TLS handshake has told them apart.
type h2Server struct {
	http *http.Server
	in   *h2Listener
}

// newH2Server returns a server with the handler and limits of s.
func newH2Server(s *Server) *h2Server {
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true) // see h2Conn
	return &h2Server{
		in: newH2Listener(),
		http: &http.Server{
			Handler:           http.HandlerFunc(s.serveH2),
			Protocols:         &protocols,
			ConnContext:       h2ConnContext,
			ConnState:         s.connections.changeH2,
			ReadHeaderTimeout: s.http.ReadHeaderTimeout,
			IdleTimeout:       s.http.IdleTimeout,
			MaxHeaderBytes:    s.http.MaxHeaderBytes,
			ErrorLog:          s.http.ErrorLog,
			HTTP2: &http.HTTP2Config{
				MaxConcurrentStreams:          maxStreams,
				MaxReadFrameSize:              streamBuffer,
				MaxReceiveBufferPerStream:     streamWindow,
				MaxReceiveBufferPerConnection: connectionWindow,
			},

			DisableGeneralOptionsHandler: true,
		},
	}
}

// errTwoHosts is the answer to a request that could be routed by one name and
// be served by another.
var errTwoHosts = &handshake.Error{Status: http.StatusBadRequest, Reason: handshake.Path, Rule: "Host must be what :authority is, or stand alone (RFC 9113, 8.3.1)"}

// errHost is the answer to an :authority that HTTP/1.1 could not carry either.
var errHost = &handshake.Error{Status: http.StatusBadRequest, Reason: handshake.Path, Rule: ":authority must be a name or address with an optional port (RFC 9113, 8.3.1)"}

// errProtocol is the answer to a :protocol on a request that is no CONNECT.
var errProtocol = &handshake.Error{Status: http.StatusBadRequest, Reason: handshake.Upgrade, Rule: ":protocol is for CONNECT alone (RFC 8441, 4)"}

// errNoStream is the answer to an extended CONNECT that was not announced.
var errNoStream = &handshake.Error{Status: http.StatusMethodNotAllowed, Reason: handshake.Method, Rule: "WebSocket is by HTTP/1.1 here"}

// errLength is the answer to a length that is not that of the body.
var errLength = &handshake.Error{Status: http.StatusBadRequest, Reason: handshake.Body, Rule: "Content-Length must be the length of the data (RFC 9113, 8.1.1)"}

// serveH2 takes the requests of HTTP/2 as those of HTTP/1, but for what
// net/http leaves to its handler: a Host beside the :authority, and the length
// of a body that does not come.
func (s *Server) serveH2(w http.ResponseWriter, r *http.Request) {
	c := h2ConnOf(r)
	r.TLS = c.state // whatever the client calls the scheme
	if refused := checkH2(r); refused != nil {
		s.live.Load().handshake.Refuse(w, r, refused)
		return
	}
	delete(r.Header, "Host") // it is what r.Host is
	if handshake.IsStream(r) {
		s.serveStream(w, r)
		return
	}
	s.serveHTTP(w, r)
}

// checkH2 returns what r breaks of the rules that are left to the handler.
func checkH2(r *http.Request) *handshake.Error {
	host, ok := r.Header["Host"]
	switch {
	case ok && (len(host) != 1 || host[0] != r.Host):
		return errTwoHosts
	case !http1.ValidHost(r.Host):
		return errHost
	case handshake.HasProtocol(r) && r.Method != http.MethodConnect:
		return errProtocol
	case handshake.IsStream(r) && !h2ConnOf(r).websocket:
		return errNoStream
	case r.ContentLength == 0 && len(r.Header["Content-Length"]) > 0 && r.Header.Get("Content-Length") != "0":
		return errLength
	}
	return nil
}

// h2Listener passes on connections that were accepted elsewhere: to HTTP/2, or
// back to HTTP/1.1 from whoever had them meanwhile.
type h2Listener struct {
	handed chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newH2Listener() *h2Listener {
	return &h2Listener{handed: make(chan net.Conn), closed: make(chan struct{})}
}

// hand gives c to the server, or closes it if that has stopped.
func (l *h2Listener) hand(c net.Conn) {
	select {
	case l.handed <- c:
	case <-l.closed:
		c.Close()
	}
}

// Accept implements net.Listener.
func (l *h2Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.handed:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *h2Listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr implements net.Listener; there is none.
func (l *h2Listener) Addr() net.Addr { return &net.TCPAddr{} }

// handOver gives the TLS connection away. Nobody touches it through c any more.
func (c *tlsConn) handOver(to *h2Listener) {
	c.conn.Conn = gone{c.tls}
	c.conn.err = errHandedOver
	c.handed.Store(true)
	state := c.tls.ConnectionState()
	to.hand(&h2Conn{Conn: c.tls, state: &state, websocket: c.websocket})
}

// Close closes the connection, unless it was handed over.
func (c *tlsConn) Close() error {
	if c.handed.Load() {
		return nil
	}
	c.endWatch()
	return c.tls.Close()
}

// gone is a connection that somebody else has now: only its addresses are left.
type gone struct{ net.Conn }

// Read implements net.Conn.
func (gone) Read([]byte) (int, error) { return 0, net.ErrClosed }

// Write implements net.Conn.
func (gone) Write([]byte) (int, error) { return 0, net.ErrClosed }

// Close implements net.Conn.
func (gone) Close() error { return nil }

// SetDeadline implements net.Conn.
func (gone) SetDeadline(time.Time) error { return nil }

// SetReadDeadline implements net.Conn.
func (gone) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline implements net.Conn.
func (gone) SetWriteDeadline(time.Time) error { return nil }
