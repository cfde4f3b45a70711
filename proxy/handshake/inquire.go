package handshake

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strconv"
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

// BrokeOff reports whether a handshake has ended with a connection that broke
// off, and not by the time that it took.
func BrokeOff(err error) bool { return err != nil && !isTimeout(err) }

// takeBody ends a plain question when enough of the answer's body is there.
func (d *dialogue) takeBody() {
	body := d.buffers.in[d.reply.head:]
	if len(body) >= d.reply.opening() || bytes.HasSuffix(body, []byte("0\r\n\r\n")) {
		d.end(d.judge())
	}
}

// opening is how many bytes of the body, as it is framed, are to be read.
func (a answer) opening() int {
	switch a.status {
	case http.StatusNoContent, http.StatusNotModified, http.StatusSwitchingProtocols:
		return 0
	}
	if length, n := a.one("Content-Length"); n == 1 {
		if whole, err := strconv.Atoi(length); err == nil {
			return min(mostOpening, whole)
		}
	}
	return mostOpening
}

// judge returns why the answer to a plain question does not tell why an upgrade
// got none: an *unwillingError if the server has nothing against the client.
func (d *dialogue) judge() error {
	a, body := d.reply, d.buffers.in[d.reply.head:]
	body = body[:min(len(body), mostOpening)]
	switch {
	case a.status == http.StatusSwitchingProtocols:
		return badAnswer(errors.New("101 to a plain request"))
	case a.status == http.StatusBadRequest && bytes.Contains(body, []byte(noUpgrade)),
		a.status < http.StatusMultipleChoices && bytes.Contains(body, []byte(openPacket)):
		return &unwillingError{a.status}
	}
	return nil
}
