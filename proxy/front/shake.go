package front

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"time"

	"usher/proxy/accesslog"
	"usher/proxy/handshake"
	"usher/proxy/http1"
	"usher/proxy/plain"
	"usher/proxy/relay"
)

// shake drives a handshake on the loop of its client. It is the owner of the
// connection to the endpoint that is asked. Where there is something to be done
// that may take long, or the client gets another answer than 101, a goroutine
// goes on, see guest.go.
type shake struct {
	client   *client
	site     *Site
	head     int                     // so much of what has come from the client is its request
	cancel   context.CancelCauseFunc // of the request
	exchange *handshake.Exchange

	upstream *relay.Seat    // nil for none
	dialling netip.AddrPort // where upstream is to be connected to; zero if it is
	left     bool           // the client has gone
}

// begin serves a request, if that can be done on the loop. What has come is its
// head, of n bytes, and what stands behind it. Otherwise it has done nothing.
func (c *client) begin(s *relay.Seat, come []byte, n int) bool {
	head := come[:n]
	var lines [24]http1.Line
	parts := http1.Head{Lines: lines[:0]}
	http1.Split(head, &parts)
	if !asksUpgrade(head, &parts) || head[parts.Target.From] != '/' || c.how.Leads {
		return false
	}
	server, now := c.from.server, s.Now()
	k := &shake{client: c, site: server.site.Load(), head: len(head)}
	ctx, cancel := context.WithCancelCause(server.context(context.Background(), nil))
	r, err := newRequest(ctx, head, &parts)
	if err != nil || !server.inflight.shake(c) {
		cancel(nil)
		return false
	}
	r.RemoteAddr, r.TLS = c.remote().String(), c.tls
	if sender := k.site.Headers.Sender(r); !server.hints.due(sender, r.Header, now) {
		k.exchange = k.site.Begin(r, sender, now)
	}
	if k.exchange == nil {
		cancel(nil)
		server.inflight.unshake(c)
		return false
	}
	k.cancel = cancel
	c.head, c.stage, c.shake = slices.Clone(come), shakes, k
	if s.Wake(0); len(come) > n {
		s.Pause() // the rest is the relay's
	}
	k.follow(k.exchange.Start(now))
	return true
}

// asksUpgrade tells whether a head has an Upgrade, the one thing that all
// handshakes have.
func asksUpgrade(head []byte, parts *http1.Head) bool {
	return slices.ContainsFunc(parts.Lines, func(l http1.Line) bool {
		return bytes.EqualFold(head[l.Name.From:l.Name.To], []byte("upgrade"))
	})
}

// now is the time of the loop.
func (k *shake) now() time.Time { return k.client.seat.Load().Now() }

// follow does what the exchange wants, as far as it can be done at once.
func (k *shake) follow(do handshake.Effect) {
	for {
		switch do {
		case handshake.Dial:
			k.closeUpstream()
			to, within, ok := k.exchange.Direct()
			if !ok {
				k.leave(do)
				return
			}
			seat, connected, err := k.client.seat.Load().Dial(to, k)
			if err != nil {
				do = k.exchange.Missed(k.now(), to, err)
				continue
			}
			if k.upstream = seat; !connected {
				k.dialling = to
				seat.Wake(within)
				return
			}
			do = k.exchange.Reached(k.now(), seat.RemoteAddr())
		case handshake.Ask:
			k.upstream.Write(k.exchange.Question())
			k.await()
			return
		case handshake.Read:
			k.await()
			return
		case handshake.Wait:
			k.leave(do)
			return
		default:
			k.settle(do)
			return
		}
	}
}

// await has the loop call when the exchange is due.
func (k *shake) await() {
	after := time.Duration(0)
	if due := k.exchange.Due(); !due.IsZero() {
		after = max(due.Sub(k.now()), time.Nanosecond)
	}
	k.upstream.Wake(after)
}

// Connected implements relay.Owner.
func (k *shake) Connected(s *relay.Seat, err error) {
	if err != nil {
		k.upstream = nil // it is closed
		k.missed(err)
		return
	}
	k.dialling = netip.AddrPort{}
	k.follow(k.exchange.Reached(k.now(), s.RemoteAddr()))
}

// Take implements relay.Owner.
func (k *shake) Take(_ *relay.Seat, p []byte) { k.follow(k.exchange.Take(k.now(), p)) }

// Lost implements relay.Owner.
func (k *shake) Lost(_ *relay.Seat, err error) { k.follow(k.exchange.Lost(k.now(), err)) }

// Due implements relay.Owner.
func (k *shake) Due(*relay.Seat) {
	if k.dialling.IsValid() {
		k.missed(os.ErrDeadlineExceeded)
		return
	}
	k.follow(k.exchange.Expire(k.now()))
}

func (k *shake) missed(err error) {
	to := k.dialling
	k.dialling = netip.AddrPort{}
	k.follow(k.exchange.Missed(k.now(), to, err))
}

// takeEarly keeps what the client sends before it is told that it may. The rest
// is the relay's.
func (k *shake) takeEarly(s *relay.Seat, p []byte) {
	k.client.head = append(k.client.head, p...)
	s.Pause()
}

// abandoned ends the handshake of a client that has gone. One that has ended its
// side only may still be told.
func (k *shake) abandoned(err error) {
	k.left = !errors.Is(err, io.EOF)
	k.end(context.Canceled)
}

// end ends the handshake before its time.
func (k *shake) end(why error) {
	if k.cancel(why); k.dialling.IsValid() {
		k.missed(why)
	} else {
		k.follow(k.exchange.Lost(k.now(), why))
	}
}

func (k *shake) closeUpstream() {
	if k.upstream != nil {
		k.upstream.Close()
		k.upstream = nil
	}
}

// settle gives both connections to the relay if a WebSocket is open, or leaves.
func (k *shake) settle(do handshake.Effect) {
	if !k.exchange.Opens() {
		k.leave(do)
		return
	}
	c := k.client
	c.from.server.inflight.uncount(c) // before the session counts, so that no client counts twice
	head, p := k.exchange.Open(k.now())
	p.FromClient = c.head[k.head:]
	seat := c.seat.Load()
	seat.Write(head)
	c.stage = gone
	k.logged()
	k.site.Join(p, seat, k.upstream)
	k.exchange.Close()
	k.cancel(nil)
	c.from.server.inflight.remove(c)
}

// leave has a goroutine go on with the exchange, which has said do last.
func (k *shake) leave(do handshake.Effect) {
	var upstream net.Conn
	if do == handshake.Over && k.exchange.Replied() {
		var err error
		if upstream, err = k.upstream.Leave(); err != nil {
			k.exchange.Abort(err)
		}
	}
	k.closeUpstream() // if it has not left
	k.client.from.server.inflight.depart()
	k.answer(func(w http.ResponseWriter, r *http.Request) {
		all := k.client.from.server.inflight
		defer all.arrive()
		defer context.AfterFunc(all.stopping, func() { k.cancel(all.why) })()
		defer context.AfterFunc(r.Context(), func() { k.cancel(context.Cause(r.Context())) })()
		if u, ok := w.(*plain.Upgrade); ok {
			plain.Log(u, k.line())
			defer u.End()
		}
		k.exchange.Go(w, do, upstream)
	})
}

// line returns that of the access log, nil for none.
func (k *shake) line() *accesslog.Line {
	r, sender, began := k.exchange.Asked()
	return k.client.from.server.access.Begin(r, sender, began)
}

// logged leaves the line of a WebSocket that is open. The lines are made elsewhere.
func (k *shake) logged() {
	if line := k.line(); line != nil {
		route, upstream := k.exchange.Claimed()
		line.End(k.now(), accesslog.Outcome{Status: http.StatusSwitchingProtocols, Route: route, Upstream: upstream, Head: k.now()})
	}
}

// answer has serve answer the client, or nobody.
func (k *shake) answer(serve following) {
	c := k.client
	if !k.left {
		c.leave(c.head, serve)
		return
	}
	c.drop()
	c.from.server.serving.Go(serve.forNobody)
}
