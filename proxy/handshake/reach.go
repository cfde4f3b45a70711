package handshake

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"strings"
	"time"

	"usher/proxy/engineio"
	"usher/proxy/headers"
	"usher/proxy/refusal"
	"usher/proxy/tracing"
	"usher/proxy/upstream"
)

// responder is the endpoint that has answered a handshake.
type responder struct {
	endpoint *upstream.Endpoint
	conn     net.Conn
	reply    reply
	dialed   time.Duration // what it took to be connected
}

// leave is the end of a handshake that leads to no session. Who sees that the
// connection is closed sees that the endpoint is given back.
func (by *responder) leave() {
	by.endpoint.Release()
	by.conn.Close()
}

// reach has one of the upstream's endpoints answer usher's half of the
// handshake. An endpoint that cannot be reached is passed over.
//
// A connection that ends without one byte of an answer, as those do that wait
// to be accepted when a process ends, is made up for at another endpoint: once,
// as the request may be what ended the process, and it must not go on to end
// all of them. A handshake is a GET without a body, which is safe to repeat
// (RFC 9110, 9.2.1). One that continues an Engine.IO session is not repeated:
// only one process knows its sid.
func (h *Handler) reach(r *http.Request, c *Claim, b *buffers) (*responder, error) {
	tries := c.lead.Tries()
	tries.Trace = c.Sender.Trace.Attempts()
	for again := !continues(c.Query); ; again = false {
		by, err := c.dial(r.Context(), tries)
		if err != nil {
			return nil, err
		}
		by.reply, err = h.ask(r, c, b, by.conn)
		silent := !by.reply.heard
		if silent && again && c.opens() && BrokeOff(err) && r.Context().Err() == nil && h.inquire(r, c, b, by) {
			silent, err = false, nil
		}
		by.note(r.Context(), silent, err)
		if err == nil {
			return by, nil
		}
		failed(tries.Trace, r, err)
		by.leave()
		if !again || !silent || isTimeout(err) || r.Context().Err() != nil {
			return nil, err
		}
		tries.Pass(by.endpoint, err)
	}
}

// ask asks the endpoint behind conn. When the client goes away, the waiting ends.
func (h *Handler) ask(r *http.Request, c *Claim, b *buffers, conn net.Conn) (reply, error) {
	q := question{half: h.half(b, r, c), timeout: c.Route.Limits.HandshakeTimeout}
	if c.opens() && speaksEngineIO(c.Query) && engineio.ParseRequest(c.Query).Version == engineio.V3 {
		q.opening = openingBrief // its server speaks first
	}
	t := begin(r.Context(), conn)
	a, err := b.ask(t, q)
	return a, t.end(err)
}

// half returns what an endpoint is asked on behalf of c. It stands in b.out, and
// holds for one attempt, of which it tells.
func (h *Handler) half(b *buffers, r *http.Request, c *Claim) half {
	head := maps.Clone(r.Header) // a refusal still looks at what the client sent
	h.Headers.Apply(head, c.Sender, c.Route.Headers)
	q := appendHalf(b.out[:0], c.Path, c.Query, headers.TakeHost(head, r.Host), head, c.offer)
	b.out = q.head
	return q
}

// failed ends the attempt under way, if it has not ended.
func failed(trace *tracing.Attempts, r *http.Request, err error) {
	if trace != nil && err != nil {
		trace.Failed(refusal.Of(r.Context(), err).Reason.String())
	}
}

// note tells the endpoint whether it has answered. A client that goes away
// does not let it.
func (by *responder) note(ctx context.Context, silent bool, err error) {
	switch {
	case !silent:
		by.endpoint.Answered()
	case ctx.Err() == nil:
		by.endpoint.Unanswered(err)
	}
}

func (c *Claim) dial(ctx context.Context, tries *upstream.Tries) (*responder, error) {
	began := time.Now()
	endpoint, conn, err := c.Upstream.DialNext(ctx, tries)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	return &responder{endpoint: endpoint, conn: conn, dialed: time.Since(began)}, nil
}

// continues reports whether the client speaks of an Engine.IO session that it
// has begun already.
func continues(query string) bool {
	return speaksEngineIO(query) && (strings.HasPrefix(query, "sid=") || strings.Contains(query, "&sid="))
}

// opens reports whether the claim begins an Engine.IO session.
func (c *Claim) opens() bool {
	return c.EngineIO && strings.Contains(c.Query, "transport=websocket") && !continues(c.Query)
}

func isTimeout(err error) bool {
	ne, ok := errors.AsType[net.Error](err)
	return ok && ne.Timeout()
}
