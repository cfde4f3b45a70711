package front

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"slices"

	"usher/proxy/proxyproto"
	"usher/proxy/socket"
)

// following serves a request in place of the site, once. It is called in any
// case.
type following func(w http.ResponseWriter, r *http.Request)

// leave makes the client a guest of net/http, which is given what has come, and
// reads on. If serve is not nil, it serves the request that has come.
func (c *client) leave(come []byte, serve following) {
	server := c.from.server
	come = slices.Clone(come) // it may be the loop's
	c.head, c.shake = nil, nil
	conn, err := c.takeConn()
	if err != nil {
		server.inflight.remove(c)
		if serve != nil {
			server.serving.Go(serve.forNobody)
		}
		return
	}
	var guest accepted
	plain := newConn(conn, c)
	plain.held, plain.serve = come, serve
	if c.tls != nil {
		guest = &tlsConn{conn: plain, state: *c.tls}
	} else {
		guest = plain
	}
	server.inflight.swap(c, guest, fresh)
	if !server.guests.Hand(guest) {
		server.serving.Go(func() { // who serves nobody may wait for an upstream
			guest.follow(http.StateClosed)
			server.inflight.remove(guest)
		})
	}
}

// takeConn takes the connection off the loop, or closes it if that cannot be. The
// client is gone.
func (c *client) takeConn() (net.Conn, error) {
	c.stage = gone
	seat := c.seat.Swap(nil)
	conn, err := seat.Leave()
	if err != nil {
		seat.Close()
		return nil, err
	}
	if c.peer.Source == nil {
		return conn, nil
	}
	switch t := conn.(type) {
	case *tls.Conn:
		under := t.NetConn().(*socket.Detachable)
		under.Conn = proxyproto.NewConn(under.Conn, c.peer)
		return conn, nil
	case *socket.Secured:
		t.Conn = proxyproto.NewConn(t.Conn, c.peer)
		return conn, nil
	}
	return proxyproto.NewConn(conn, c.peer), nil
}

// tell has a goroutine answer a client that breaks a rule, and close the
// connection.
func (c *client) tell(status int, rule string) {
	server := c.from.server
	below, err := c.takeConn()
	if err != nil {
		server.inflight.remove(c)
		return
	}
	server.serving.Go(func() {
		defer server.inflight.remove(c)
		conn := newConn(below, c)
		conn.answer(status, rule)
		conn.Close()
	})
}

// forNobody serves a request whose client has gone. Handlers may panic to end an
// answer, and only net/http expects that.
func (serve following) forNobody() {
	defer func() {
		if fault := recover(); fault != nil && fault != http.ErrAbortHandler { //nolint:errorlint // as net/http has it
			panic(fault)
		}
	}()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	serve(nobody{}, new(http.Request).WithContext(ctx))
}

// nobody is who reads an answer when the client has gone.
type nobody struct{}

// Header implements http.ResponseWriter.
func (nobody) Header() http.Header { return make(http.Header) }

// WriteHeader implements http.ResponseWriter.
func (nobody) WriteHeader(int) {}

// Write implements http.ResponseWriter.
func (nobody) Write(p []byte) (int, error) { return len(p), nil }
