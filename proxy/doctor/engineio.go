package doctor

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// engineSession is an Engine.IO session that was opened by polling.
type engineSession struct {
	path     string
	revision int // of the protocol, 3 or 4
	Sid      string
	Upgrades []string
	// MaxPayload came with Socket.IO 4.5.
	MaxPayload int
}

// openPacket finds the open packet at the beginning of a polling payload:
// plain in revision 4, behind its length in revision 3.
var openPacket = regexp.MustCompile(`^(\d+:)?0(\{.*)`)

// open asks for a session by polling. The session is nil if there is none;
// the answer says why.
func (e *examination) open(ctx context.Context, path string) (*engineSession, answer) {
	a := e.request(ctx, http.MethodGet, path, "EIO=4&transport=polling&b64=1", "")
	if a.code() == codeUnsupported {
		a = e.request(ctx, http.MethodGet, path, "EIO=3&transport=polling&b64=1", "")
	}
	if a.status != http.StatusOK {
		return nil, a
	}
	m := openPacket.FindStringSubmatch(a.body)
	s := &engineSession{path: path, revision: 4}
	if m == nil || json.NewDecoder(strings.NewReader(m[2])).Decode(s) != nil || s.Sid == "" {
		return nil, a
	}
	if m[1] != "" {
		s.revision = 3
	}
	return s, a
}

// speaks names the server.
func (s *engineSession) speaks() string {
	switch {
	case s.revision == 3:
		return "Socket.IO 2 (EIO=3)"
	case s.MaxPayload > 0:
		return "Socket.IO 4 (EIO=4)"
	}
	return "Socket.IO 3 or 4 (EIO=4)"
}

// offersWebSocket reports whether the server lets the session leave polling.
func (s *engineSession) offersWebSocket() bool { return slices.Contains(s.Upgrades, "websocket") }

// query returns the query of a further request of the session.
func (s *engineSession) query(transport string) string {
	return engineQuery(s.revision, transport) + "&sid=" + url.QueryEscape(s.Sid)
}

func engineQuery(revision int, transport string) string {
	q := "EIO=" + strconv.Itoa(revision) + "&transport=" + transport
	if transport == "polling" {
		q += "&b64=1"
	}
	return q
}

// Packets of Engine.IO.
const (
	packetClose = "1"
	packetNoop  = "6"
)

// post sends one packet by polling; the answer says whether the session is known.
func (e *examination) post(ctx context.Context, s *engineSession, packet string) answer {
	if s.revision == 3 {
		packet = strconv.Itoa(len(packet)) + ":" + packet
	}
	return e.request(ctx, http.MethodPost, s.path, s.query("polling"), packet)
}
