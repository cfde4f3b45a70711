package link

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"usher/proxy/h2connect"
	"usher/proxy/socket"
)

// streamBuffer is what a frame of HTTP/2 holds at most, if nobody asks for more.
const streamBuffer = 16 << 10

// errOver is why a stream is reset: its end here is gone. A half of it that is
// closed would be taken for a client that only says no more.
var errOver = errors.New("the connection is over")

// opens is the header of a request that opens a WebSocket. The client of HTTP/2 that
// Go has refuses the :protocol of RFC 8441.
const opens = "Usher-Link-Opens"

// adapt makes an extended CONNECT of such a request.
func adapt(r *http.Request) {
	if protocol := r.Header[opens]; protocol != nil {
		delete(r.Header, opens)
		r.Method, r.Header[h2connect.Protocol] = http.MethodConnect, protocol
	}
}

// Open has the node of that id open a WebSocket, as r asks for it, whose
// context counts until the answer. If that is 200, conn is the caller's and speaks
// with the node; if not, res is what it says instead.
func (l *Link) Open(id string, r *http.Request) (conn net.Conn, res *http.Response, err error) {
	near, far, err := socket.Pair()
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	stop := context.AfterFunc(r.Context(), cancel)
	r = r.WithContext(ctx)
	r.Method, r.Body, r.ContentLength = http.MethodPost, outgoing{near}, -1
	r.Header[opens] = []string{"websocket"}
	res, err = l.RoundTrip(id, r)
	if err == nil && res.StatusCode == http.StatusOK && stop() {
		l.running.Go(func() {
			defer context.AfterFunc(l.ctx, func() { near.Close() })()
			defer cancel()
			incoming(near, res.Body)
		})
		return far, res, nil
	}
	near.Close()
	far.Close()
	if err == nil {
		err = context.Cause(ctx)
	}
	return nil, res, err
}

// outgoing is what goes to the other node. It does not own the connection.
type outgoing struct{ net.Conn }

func (o outgoing) Read(p []byte) (int, error) {
	n, err := o.Conn.Read(p)
	if errors.Is(err, io.EOF) {
		err = errOver
	}
	return n, err
}

// Close has nobody read any more; what has come the other way is still to pass.
func (o outgoing) Close() error { return o.SetReadDeadline(time.Unix(1, 0)) }

// incoming copies what comes from the other node, to its end.
func incoming(to net.Conn, from io.ReadCloser) {
	defer to.Close()
	defer from.Close()
	io.CopyBuffer(struct{ io.Writer }{to}, from, make([]byte, streamBuffer)) //nolint:errcheck // either end is over, and the other hears of it
}
