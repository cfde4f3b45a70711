package handshake

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Since version 6.4, a server of Engine.IO whose middleware refuses an upgrade
// (io.engine.use, as for passport) closes the connection without a byte: what
// the middleware writes there goes nowhere. To a plain request of the same
// session it is an answer, so one is made when a connection broke off like that.
// It begins no session: it asks for "transport=websocket", which the server
// refuses with code 3, behind the middleware.

// noUpgrade is in that refusal, which says nothing about the client.
const noUpgrade = `{"code":3,`

// inquire makes the plain request in b.out on conn. ok is false if the answer
// does not tell why an upgrade got none.
func (b *buffers) inquire(conn net.Conn) (a answer, ok bool) {
	b.in = b.in[:0]
	a, err := b.ask(conn)
	if err != nil || a.status < http.StatusMultipleChoices {
		return answer{}, false
	}
	return a, a.status != http.StatusBadRequest || !bytes.Contains(b.begin(conn, a), []byte(noUpgrade))
}

// begin returns the beginning of a body, for which it reads on.
func (b *buffers) begin(conn net.Conn, a answer) []byte {
	most := maxText
	if length, n := a.one("Content-Length"); n == 1 {
		if whole, err := strconv.Atoi(length); err == nil {
			most = min(most, whole)
		}
	}
	for len(b.in) < a.head+most {
		b.in = slices.Grow(b.in, a.head+most-len(b.in))
		n, err := conn.Read(b.in[len(b.in):cap(b.in)])
		b.in = b.in[:len(b.in)+n]
		if err != nil {
			break
		}
	}
	return b.in[a.head:]
}

// BrokeOff reports whether a handshake has ended with a connection that broke
// off, and not by the time that it took.
func BrokeOff(err error) bool { return err != nil && !isTimeout(err) }

// inquire has the endpoint that broke off without a word give its answer.
func (h *Handler) inquire(r *http.Request, c *Claim, b *buffers, by *responder) bool {
	conn, err := by.endpoint.DialAgain(r.Context(), by.conn)
	if err != nil {
		return false
	}
	setDeadline(conn, c.Route.Limits.HandshakeTimeout)
	stop := context.AfterFunc(r.Context(), func() { conn.SetDeadline(time.Unix(1, 0)) })
	b.out = appendRequest(b.out[:0], h.Headers, r, c, "")
	a, ok := b.inquire(conn)
	if !stop() || !ok {
		conn.Close()
		b.in = b.in[:0]
		return false
	}
	by.conn.Close()
	by.conn, by.answer = conn, a
	return true
}
