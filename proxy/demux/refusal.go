package demux

import (
	"strconv"
	"time"
)

// Refusal is an upstream's own answer to a handshake, which says no. The zero
// value says nothing.
type Refusal struct {
	Status int
	Text   string // for the client
	After  string // seconds until the client may come again; "" if that was not said
}

// Final tells whether r is the upstream's word on the client, who is told at
// once, and does not come back by itself. 500 and 502 to 504 speak of a server
// that is not able to serve now, or of a proxy in front of one that starts; 404 of
// one whose Socket.IO, or whose route, is not there yet. Who asks again will be
// served, so namespaces wait as for one that is down, unless the upstream says
// itself when to come again. Others will be the same the next time, as 508 of a
// loop.
func (r Refusal) Final() bool {
	switch r.Status {
	case 0:
		return false
	case 404, 500, 502, 503, 504:
		return r.After != ""
	}
	return true
}

// data is what a client finds with the error, as JSON.
func (r Refusal) data() string {
	b := strconv.AppendInt([]byte(`{"status":`), int64(r.Status), 10)
	if r.After != "" {
		b = append(append(b, `,"retryAfter":`...), r.After...)
	}
	return string(append(b, '}'))
}

// LegRefused says that the upstream has answered a leg's handshake with r. One
// that is not final is as LegFailed.
func (s *Session) LegRefused(now time.Duration, leg int, r Refusal) {
	s.now = now
	if !s.legIn(leg, legDialling, legOpening) {
		return
	}
	switch {
	case !r.Final():
		s.legFailed(leg, nil)
	case s.mode == starting && s.legs[leg].eager:
		s.refuse(r, nil)
	case s.mode == opaque:
		s.end(LegRefused, nil)
	default:
		s.legRefused(leg, r)
	}
	s.schedule()
}
