package upstream

import (
	"context"
	"net"
	"net/http"
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

// Lasting returns a context that lives on when ctx does not, and has no more of
// it than what WithClient and WithRequest have added.
func Lasting(ctx context.Context) context.Context {
	lasting := context.Background()
	if c, ok := ctx.Value(clientKey{}).(client); ok {
		lasting = context.WithValue(lasting, clientKey{}, c)
	}
	if a, ok := ctx.Value(askerKey{}).(asker); ok {
		// Nothing else of the request counts, and it would keep its connection.
		a.request = &http.Request{Header: a.request.Header, URL: a.request.URL}
		lasting = context.WithValue(lasting, askerKey{}, a)
	}
	return lasting
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
