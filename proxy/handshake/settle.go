package handshake

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"usher/proxy/headers"
	"usher/proxy/session"
	"usher/proxy/ws"
)

// settle passes the endpoint's reply, which came over conn, to the client. If
// taken, the client has its 101 and p both connections.
func (x *Exchange) settle(w http.ResponseWriter, conn net.Conn) (p Pair, taken bool, err error) {
	h, c, b, a := x.handler, &x.claim, x.buffers, x.dialogue.reply.answer
	timeout := c.Route.Limits.HandshakeTimeout
	switch {
	// Only a refusal takes a 101 back: else what is no frame would be somebody's
	// answer.
	case x.dialogue.reply.recanted && a.status < http.StatusBadRequest:
		return p, false, badAnswer(ws.ErrAnswer)
	case x.agreed():
	case c.offer.stream && a.status < 300:
		// To this client it would mean that the WebSocket is open (RFC 8441, 5).
		x.endpoint.Declined(a.status)
		return p, false, badAnswer(fmt.Errorf("status %d to an upgrade", a.status))
	default:
		hint := ""
		if x.dialogue.reply.recanted {
			hint = c.hintOf()
		}
		x.endpoint.Declined(a.status)
		h.logDeclined(x.request, c, a.status, hint)
		c.Sender.Trace.Attempts().Answered(a.status)
		c.Sender.Trace.Answered(a.status)
		return p, false, pass(w, x.request, conn, b.in, timeout, x.back())
	}
	p = x.pair()
	p.Upstream = conn
	taken, err = h.agree(w, c.offer, x.answer(), x.dialogue.reply.agreed, c.Route, b, &p)
	if taken {
		c.Sender.Trace.Answered(c.offer.accepted())
	}
	return p, taken, err
}

// agreed tells whether the endpoint's reply opens a WebSocket.
func (x *Exchange) agreed() bool {
	return x.err == nil && !x.dialogue.reply.recanted && x.dialogue.reply.status == http.StatusSwitchingProtocols
}

func (x *Exchange) back() headers.Back {
	return headers.NewBack(x.claim.Route.Route, x.claim.Sender, x.request.Host, x.endpoint.Address)
}

// pair is what x comes to, without its connections and the session.
func (x *Exchange) pair() Pair {
	r, release, leave := &x.dialogue.reply, x.endpoint.Release, x.claim.seat.leave
	return Pair{
		Release: func() { release(); leave() }, Route: x.claim.Route, EngineIO: x.claim.EngineIO,
		Deflate: r.agreed.deflate != nil, FromUpstream: slices.Clone(x.buffers.in[r.head:]),
	}
}

// answer is the endpoint's 101 as the client is to have it.
func (x *Exchange) answer() answer {
	x.claim.Sender.Trace.Attempts().Answered(http.StatusSwitchingProtocols)
	a, back, c := x.dialogue.reply.answer, x.back(), &x.claim
	for i, l := range a.lines {
		a.lines[i].value = back.Value(http.CanonicalHeaderKey(l.name), l.value)
	}
	if cookie := c.lead.Cookie(x.endpoint, x.peer, c.Sender.Proto == "https", len(c.Route.Origins) > 0); cookie != nil {
		a.lines = append(a.lines, line{"Set-Cookie", cookie.String()})
	}
	a.lines = append(a.lines, told(c.grant).lines...)
	return a
}

// open begins the session.
func (x *Exchange) open(now time.Time) *session.Session {
	h, c := x.handler, &x.claim
	x.opened = true
	c.seat.begin()
	info := session.Info{ // it lasts: nothing of it is a part of the request's head
		ID: strings.Clone(c.Sender.ID), Route: c.Route.String(), Upstream: c.Upstream.Name,
		Endpoint: x.endpoint.Address, Claim: c.Route.Identity, Target: x.endpoint.Identity,
		Client: c.Sender.Address(), Started: now,
		Handshake: now.Sub(x.began), Dial: x.dialled,
		Counts:  c.seat != nil && c.seat.connections != nil,
		Expires: c.grant.Expires, ExpiryCode: c.grant.Code, Signer: c.grant.Signer,
	}
	if h.Marker != nil {
		info.Marks = h.Marker.Marks(x.request.Header)
		info.User = userOf(h.Marker, c.Route, c.Sender)
	}
	s := h.Sessions.Open(info)
	h.Rechecks.Add(s, c.grant.Question)
	return s
}

// Replied tells, once x is over, whether an endpoint has given an answer, which
// is on its connection.
func (x *Exchange) Replied() bool { return x.err == nil }

// Opens tells, once x is over, whether the endpoint has opened a WebSocket. If
// not, Go has a goroutine tell the client.
func (x *Exchange) Opens() bool { return x.agreed() && !x.claim.offer.stream }

// Open begins the session, which is p but for its connections. head is to be
// written to the client, and valid until Close.
func (x *Exchange) Open(now time.Time) (head []byte, p Pair) {
	p = x.pair()
	a, b := x.answer(), x.buffers
	b.out = a.changed(&x.claim.Route.Answers).append101(b.out[:0], x.claim.offer.key, x.dialogue.reply.agreed)
	p.Session = x.open(now)
	return b.out, p
}
