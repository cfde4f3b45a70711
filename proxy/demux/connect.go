package demux

import (
	"time"

	"usher/proxy/engineio"
	"usher/proxy/socketio"
)

// What clients are told.
const (
	textInvalid      = "Invalid namespace" // as servers say it
	textTooMany      = "too many namespaces"
	textTooManyLegs  = "too many upstreams"
	textTooFast      = "too many connects"
	textUnavailable  = "upstream unavailable"
	textUnauthorized = "unauthorized"
	dataExpired      = `{"reason":"token expired"}`
	dataUnavailable  = `{"code":"UPSTREAM_UNAVAILABLE","retry":true}`
)

// connect handles a CONNECT of the client.
func (s *Session) connect(m *Message, h *socketio.Header) {
	s.asked = true
	if s.version == engineio.V3 && h.Root() {
		return // it is joined without being asked
	}
	if s.version == engineio.V4 && h.Query != nil { // there it is part of the name, and answered with it
		end := len(h.Namespace) + len("?") + len(h.Query)
		s.refuseConnect(h.Namespace[:end], textInvalid, "")
		return
	}
	if sp := s.find(h.Namespace); sp != nil && sp.state != left {
		s.connectAgain(sp, m, h)
		return
	}
	d, refusal, err := s.mayConnect(h.Namespace)
	switch {
	case err != nil:
		s.end(Malformed, err)
		return
	case refusal != "":
		s.refuseConnect(h.Namespace, refusal, "")
		return
	case !s.validConnect(m, h):
		s.end(Malformed, errConnect)
		return
	}
	s.spoken = true
	leg, dial := s.legFor(d.service)
	sp := s.add(space{name: d.name, leg: int16(leg), since: s.now})
	s.keepConnect(sp, m, h, dial)
}

// mayConnect says which service a new namespace belongs to, or why there is to
// be none.
func (s *Session) mayConnect(name []byte) (d decision, refusal string, err error) {
	if !socketio.ValidNamespace(name) {
		if len(name) > socketio.MaxNamespace {
			return d, textInvalid, nil
		}
		return d, "", errName // it could not even be told back
	}
	if !s.rate.take(s.now, s.config) {
		return d, textTooFast, nil
	}
	d, ok := s.config.rules.find(name)
	switch {
	case !ok:
		return d, textInvalid, nil
	case s.live() >= s.config.MaxNamespaces:
		return d, textTooMany, nil
	case !s.hasLeg(d.service) && s.liveLegs() >= s.config.MaxLegs:
		return d, textTooManyLegs, nil
	}
	return d, "", nil
}

// connectAgain handles a CONNECT to a namespace that is being joined, which
// clients send that have changed their mind twice: the upstream makes two
// sockets and answers twice. Where the namespace is joined it ends the session,
// as at a server; those of EIO3 allow it.
func (s *Session) connectAgain(sp *space, m *Message, h *socketio.Header) {
	switch {
	case sp.joined() && s.version == engineio.V4:
		s.end(Violation, errRejoin)
	case sp.state == rejoining || sp.leg < 0:
	case !s.rate.take(s.now, s.config) || sp.pending == maxPending:
		s.refuseConnect(h.Namespace, textTooFast, "")
	case !s.validConnect(m, h):
		s.end(Malformed, errConnect)
	default:
		s.keepConnect(sp, m, h, false)
	}
}

// validConnect tells whether servers of EIO4 take a CONNECT's data. On others
// they close the connection, and since the CONNECT is kept until it is
// answered, that would be one leg after the other.
func (s *Session) validConnect(m *Message, h *socketio.Header) bool {
	if s.version != engineio.V4 || h.Data == m.Size {
		return true
	}
	whole := s.load(m)
	ok := socketio.ValidConnectData(whole[h.Data:])
	clear(whole)
	s.effects.Give(whole)
	return ok
}

// maxPending bounds the CONNECTs to one namespace that have no answer.
const maxPending = 255

// keepConnect keeps a CONNECT until it is answered, since its leg may be lost
// before that, and sends it if the leg is open.
func (s *Session) keepConnect(sp *space, m *Message, h *socketio.Header, dial bool) {
	leg := int(sp.leg)
	l := &s.legs[leg]
	var tag string
	if s.config.Services[l.service].AffinityPID {
		whole := s.load(m)
		b := s.effects.Take(len(whole))
		b, tag = socketio.AppendUntagged(b, whole, *h)
		clear(whole)
		s.effects.Give(whole)
		defer s.effects.Give(b)
		defer clear(b)
		if tag != "" {
			m = text(b)
		}
	}
	if !s.hold(&sp.waiting().connects, m) {
		return
	}
	sp.pending++
	switch {
	case l.state == legOpen:
		sp.sent = true
		s.toLeg(leg, m)
	case dial:
		s.stats.Held.Add(1)
		l.prefer = tag
		s.dial(leg)
	default:
		s.stats.Held.Add(1)
	}
}

// refuseConnect answers a CONNECT in the upstream's place. Data is JSON.
func (s *Session) refuseConnect(name []byte, message, data string) {
	s.stats.Refused.Add(1)
	var b []byte
	if s.version == engineio.V3 {
		b = socketio.AppendError(nil, name, message)
	} else {
		b = socketio.AppendConnectError(nil, name, message, []byte(data))
	}
	s.toClient(own(b))
}

// disconnect handles a DISCONNECT of the client.
func (s *Session) disconnect(m *Message, h *socketio.Header) {
	s.cancel(h.Namespace)
	sp := s.find(h.Namespace)
	if sp == nil || sp.state == left {
		return
	}
	leg, wasJoined := int(sp.leg), sp.joined()
	if leg >= 0 && s.legs[leg].state == legOpen && (sp.sent || sp.state == open) {
		if !s.toLeg(leg, m) {
			return
		}
	}
	if wasJoined {
		s.bury(sp)
	} else {
		s.remove(sp)
	}
	s.leave(leg, false)
}

// bucket bounds CONNECTs: one costs an upstream a connection.
type bucket struct {
	tokens float64
	at     time.Duration
}

func (b *bucket) fill(now time.Duration, c *Config) {
	*b = bucket{float64(c.ConnectBurst), now}
}

func (b *bucket) take(now time.Duration, c *Config) bool {
	b.tokens = min(float64(c.ConnectBurst), b.tokens+(now-b.at).Seconds()*c.ConnectRate)
	b.at = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
