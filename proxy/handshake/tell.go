package handshake

import (
	"net"
	"net/http"
	"slices"
	"time"

	"usher/proxy/config"
	"usher/proxy/headers"
	"usher/proxy/http1"
	"usher/proxy/refusal"
	"usher/proxy/route"
)

// agree tells the client what was agreed, in the way that it has asked.
func (h *Handler) agree(w http.ResponseWriter, o offer, a answer, g agreed, on *route.Route, b *buffers, p *Pair) (taken bool, err error) {
	if o.stream {
		return h.tellStream(w, a, g, on.Limits.WriteTimeout, p)
	}
	b.out = a.changed(&on.Answers).append101(b.out[:0], o.key, g)
	return h.tell(w, b.out, on.Limits.HandshakeTimeout, p)
}

// changed returns the answer with the changes that its route makes.
func (a answer) changed(by *config.AnswerHeaders) answer {
	if len(by.Set)+len(by.Add)+len(by.Remove) == 0 {
		return a
	}
	a.lines = slices.DeleteFunc(slices.Clone(a.lines), func(l line) bool { return by.Drops(http.CanonicalHeaderKey(l.name)) })
	for _, h := range slices.Concat(by.Set, by.Add) {
		a.lines = append(a.lines, line{h.Name, h.Value})
	}
	return a
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
	return !headers.HopByHop(name) && !ownHeader(name) && !http1.HasToken(nominated, name)
}
