package handshake

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	"usher/proxy/headers"
	"usher/proxy/refusal"
	"usher/proxy/route"
	"usher/proxy/session"
	"usher/proxy/ws"
)

// Exchange finishes the handshake of a claim that was given to Messages. No
// extension is offered to the upstream, as the messages relay speaks none. The
// caller owns the pair; if ok is false there is none, and the client has been
// answered.
func Exchange(w http.ResponseWriter, r *http.Request, c Claim) (p Pair, ok bool) {
	h := c.handler
	r.Pattern = c.Route.String()
	c.offer.extensions = nil
	p, ok, err := h.exchange(w, r, &c)
	if err != nil {
		h.Refusals.Refuse(w, r, c.Sender, err)
	}
	return p, ok
}

// exchange has the upstream answer its half and passes the outcome to the
// client. An error means that the client was told nothing yet.
func (h *Handler) exchange(w http.ResponseWriter, r *http.Request, c *Claim) (p Pair, taken bool, err error) {
	began := time.Now()
	b := h.buffers.get()
	defer h.buffers.put(b)
	by, err := h.reach(r, c, b)
	if err != nil {
		return p, false, err
	}
	defer func() { // also when the answer's body breaks off, which panics
		if !taken {
			by.leave()
		}
	}()
	p = Pair{Upstream: by.conn, Release: by.endpoint.Release, Route: c.Route, EngineIO: c.EngineIO}
	if taken, err = h.settle(w, r, c, b, by, &p); !taken {
		failed(c.Sender.Trace.Attempts(), r, err)
		return p, false, err
	}
	c.Sender.Trace.Answered(c.offer.accepted())
	now := time.Now()
	info := session.Info{
		ID: c.Sender.ID, Route: c.Route.String(), Upstream: c.Upstream.Name,
		Endpoint: by.endpoint.Address, Claim: c.Route.Identity, Target: by.endpoint.Identity,
		Client: c.Sender.Address(), Started: now,
		Handshake: now.Sub(began), Dial: by.dialed,
	}
	if h.Marker != nil {
		info.Marks = h.Marker.Marks(r.Header)
	}
	p.Session = h.Sessions.Open(info)
	return p, true, nil
}

// settle passes the endpoint's reply to the client. If taken, the client has its
// 101 and p both connections.
func (h *Handler) settle(w http.ResponseWriter, r *http.Request, c *Claim, b *buffers, by *responder, p *Pair) (taken bool, err error) {
	a, timeout := by.reply.answer, c.Route.Limits.HandshakeTimeout
	back := headers.NewBack(c.Route.Route, c.Sender, r.Host, by.endpoint.Address)
	switch {
	// Only a refusal takes a 101 back: else what is no frame would be somebody's
	// answer.
	case by.reply.recanted && a.status < http.StatusBadRequest:
		return false, badAnswer(ws.ErrAnswer)
	case a.status == http.StatusSwitchingProtocols:
	case c.offer.stream && a.status < 300:
		// To this client it would mean that the WebSocket is open (RFC 8441, 5).
		by.endpoint.Declined(a.status)
		return false, badAnswer(fmt.Errorf("status %d to an upgrade", a.status))
	default:
		hint := ""
		if by.reply.recanted {
			hint = c.hintOf()
		}
		by.endpoint.Declined(a.status)
		h.logDeclined(r, c, a.status, hint)
		c.Sender.Trace.Attempts().Answered(a.status)
		c.Sender.Trace.Answered(a.status)
		return false, pass(w, r, p.Upstream, b.in, timeout, back)
	}
	c.Sender.Trace.Attempts().Answered(a.status)
	p.Deflate = by.reply.agreed.deflate != nil
	p.FromUpstream = slices.Clone(b.in[a.head:])
	for i, l := range a.lines {
		a.lines[i].value = back.Value(http.CanonicalHeaderKey(l.name), l.value)
	}
	if cookie := c.lead.Cookie(by.endpoint, by.conn.RemoteAddr(), c.Sender.Proto == "https", len(c.Route.Origins) > 0); cookie != nil {
		a.lines = append(a.lines, line{"Set-Cookie", cookie.String()})
	}
	return h.agree(w, c.offer, a, by.reply.agreed, c.Route, b, p)
}

// agree tells the client what was agreed, in the way that it has asked.
func (h *Handler) agree(w http.ResponseWriter, o offer, a answer, g agreed, on *route.Route, b *buffers, p *Pair) (taken bool, err error) {
	if o.stream {
		return h.tellStream(w, a, g, on.Limits.WriteTimeout, p)
	}
	b.out = a.append101(b.out[:0], o.key, g)
	return h.tell(w, b.out, on.Limits.HandshakeTimeout, p)
}

// tell takes the client's connection over and writes its 101, in one piece.
func (h *Handler) tell(w http.ResponseWriter, head []byte, timeout time.Duration, p *Pair) (taken bool, err error) {
	client, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return false, &refusal.Error{Status: http.StatusInternalServerError, Reason: refusal.Fault, Rule: "connection cannot be taken over", Err: err}
	}
	if n := rw.Reader.Buffered(); n > 0 {
		early, _ := rw.Reader.Peek(n)
		p.FromClient = slices.Clone(early)
	}
	if setDeadline(client, timeout); !send(client, head) {
		client.Close()
		h.Refusals.Count(refusal.Gone, p.Route.String())
		return false, nil // nobody is there to be told
	}
	// From here on the relay's own timers count.
	client.SetDeadline(time.Time{})
	if p.Upstream != nil {
		p.Upstream.SetDeadline(time.Time{})
	}
	p.Client = client
	return true, nil
}

func send(conn net.Conn, p []byte) bool {
	_, err := conn.Write(p)
	return err == nil
}

// passes reports whether a header of the upstream's answer goes to the client
// as it is: neither one of the connection nor one that usher writes itself.
func passes(name string, nominated []string) bool {
	name = http.CanonicalHeaderKey(name)
	return !headers.HopByHop(name) && !ownHeader(name) && !hasToken(nominated, name)
}
