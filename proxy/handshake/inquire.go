package handshake

import (
	"bytes"
	"errors"
	"fmt"
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

// noUpgrade begins that refusal, which says nothing about the client. Others
// begin a session then, and give it its open packet, which has openPacket near
// its beginning in any framing.
const (
	noUpgrade  = `{"code":3,`
	openPacket = `0{"`
)

// mostOpening is how much of a body tells.
const mostOpening = 64

// unwillingError says that a server which breaks upgrades off would have let
// the client in otherwise.
type unwillingError struct{ status int }

func (e *unwillingError) Error() string {
	return fmt.Sprintf("answered the plain request with %d, refuses the upgrade", e.status)
}

// Unwilling reports whether err says that a server answers plain requests, but
// breaks upgrades off.
func Unwilling(err error) bool {
	_, ok := errors.AsType[*unwillingError](err)
	return ok
}

// inquire makes the plain request of q over t. The error says why the answer
// does not tell why an upgrade got none; it is an *unwillingError if the server
// has nothing against the client.
func (b *buffers) inquire(t *talk, q half, timeout time.Duration) (answer, error) {
	b.in = b.in[:0]
	b.out = q.appendPlain(b.out[:0])
	t.within(timeout)
	a, err := b.roundTrip(t)
	if err != nil {
		return answer{}, err
	}
	switch opening := b.opening(t, a); {
	case a.status == http.StatusSwitchingProtocols:
		return answer{}, badAnswer(errors.New("101 to a plain request"))
	case a.status == http.StatusBadRequest && bytes.Contains(opening, []byte(noUpgrade)),
		a.status < http.StatusMultipleChoices && bytes.Contains(opening, []byte(openPacket)):
		return answer{}, &unwillingError{a.status}
	}
	return a, nil
}

// opening returns the beginning of a body, as it is framed, for which it reads
// on.
func (b *buffers) opening(t *talk, a answer) []byte {
	most := mostOpening
	if length, n := a.one("Content-Length"); n == 1 {
		if whole, err := strconv.Atoi(length); err == nil {
			most = min(most, whole)
		}
	}
	if a.status == http.StatusNoContent || a.status == http.StatusNotModified || a.status == http.StatusSwitchingProtocols {
		most = 0
	}
	for len(b.in) < a.head+most && !bytes.HasSuffix(b.in[a.head:], []byte("0\r\n\r\n")) {
		if b.read(t) != nil {
			break
		}
	}
	return b.in[a.head:min(len(b.in), a.head+mostOpening)]
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
	a, err := b.inquire(t, h.half(b, r, c), c.Route.Limits.HandshakeTimeout)
	if t.end(nil) != nil || err != nil {
		conn.Close()
		b.in = b.in[:0]
		return false
	}
	by.conn.Close()
	by.conn, by.reply = conn, reply{answer: a}
	return true
}
