package handshake

import (
	"bytes"
	"net/http"
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

// inquire makes the plain request of q over t. ok is false if the answer does not
// tell why an upgrade got none.
func (b *buffers) inquire(t *talk, q half, timeout time.Duration) (a answer, ok bool) {
	b.in = b.in[:0]
	b.out = q.appendPlain(b.out[:0])
	t.within(timeout)
	a, err := b.roundTrip(t)
	if err != nil || a.status < http.StatusMultipleChoices {
		return answer{}, false
	}
	return a, a.status != http.StatusBadRequest || !bytes.Contains(b.body(t, a), []byte(noUpgrade))
}

// body returns the beginning of a body, for which it reads on.
func (b *buffers) body(t *talk, a answer) []byte {
	most := maxText
	if length, n := a.one("Content-Length"); n == 1 {
		if whole, err := strconv.Atoi(length); err == nil {
			most = min(most, whole)
		}
	}
	for len(b.in) < a.head+most {
		if b.read(t) != nil {
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
	t := begin(r.Context(), conn)
	a, ok := b.inquire(t, h.half(b, r, c), c.Route.Limits.HandshakeTimeout)
	if t.end(nil) != nil || !ok {
		conn.Close()
		b.in = b.in[:0]
		return false
	}
	by.conn.Close()
	by.conn, by.reply = conn, reply{answer: a}
	return true
}
