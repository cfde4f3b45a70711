package upstream

import (
	"context"
	"net"
	"time"

	"usher/proxy/proxyproto"
)

type clientKey struct{}

type client struct{ source, destination net.Addr }

// WithClient returns a context for Dial that says on whose behalf it is called:
// the client's address and the one that it connected to.
func WithClient(ctx context.Context, source, destination net.Addr) context.Context {
	return context.WithValue(ctx, clientKey{}, client{source, destination})
}

// Announces reports whether a connection to e begins with the address of the
// client that it is for. It can serve no other then.
func (e *Endpoint) Announces() bool { return e.announce != 0 }

// sendClient begins a connection with the PROXY protocol, and closes it on an
// error.
func (e *Endpoint) sendClient(ctx context.Context, conn net.Conn) error {
	c, _ := ctx.Value(clientKey{}).(client)
	header, err := proxyproto.Header(e.announce, c.source, c.destination)
	if err == nil {
		if end, ok := ctx.Deadline(); ok {
			conn.SetWriteDeadline(end)
		}
		_, err = conn.Write(header)
		conn.SetWriteDeadline(time.Time{})
	}
	if err != nil {
		conn.Close()
	}
	return err
}
