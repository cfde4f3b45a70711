package demux

import (
	"usher/proxy/engineio"
	"usher/proxy/socketio"
)

// Clients of EIO3 are in "/" without asking, and so is each leg in the root of
// its own upstream. Only one of those is the client's.

// first is the service whose leg gives an EIO3 session its sid, or -1.
func (c *Config) first() int {
	if c.Opaque {
		return c.Fallback
	}
	return c.root()
}

// connectVirtualRoot joins the client to a root that nobody owns, without which
// it would not join anything else.
func (s *Session) connectVirtualRoot() {
	s.add(space{name: "/", leg: -1, state: open, since: s.now})
	s.joined = true
	s.toClient(own(socketio.AppendConnect(nil, []byte("/"), nil)))
}

// rootRefused handles an ERROR of the root of an upstream that does not own "/":
// nothing else can be joined there. Clients would take it to be for all of
// their namespaces, so it is told for those that wait.
func (s *Session) rootRefused(leg int, m *Message, h *socketio.Header) {
	whole := s.load(m)
	payload := whole[h.Data:]
	for i := 0; i < len(s.spaces) && s.mode != over; i++ {
		sp := &s.spaces[i]
		if int(sp.leg) != leg || sp.state == left || sp.state == open {
			continue
		}
		if sp.state == rejoining {
			s.refusedAgain(leg)
			break
		}
		b := socketio.AppendError(nil, []byte(sp.name), "")
		s.remove(sp)
		i--
		s.toClient(own(append(b[:len(b)-len(`""`)], payload...)))
	}
	s.effects.Give(whole)
	s.leave(leg, false)
}

// foreign tells whether a client's first message, or that of an EIO3 root, is
// of another parser than the usual one.
func foreign(m *Message) bool {
	return m.Binary || len(m.Head) == 0 || m.Head[0] < byte(socketio.Connect) || m.Head[0] > byte(socketio.BinaryAck)
}

// opaqueRoot tells whether the EIO3 root that speaks first does so with another
// parser. If it is the fallback, the session is opaque from here.
func (s *Session) opaqueRoot(leg int, m *Message) bool {
	l := &s.legs[leg]
	if s.version != engineio.V3 || !l.eager || int(l.service) != s.config.root() {
		return false
	}
	s.spoken = true
	if !foreign(m) || s.config.Fallback != int(l.service) {
		return false
	}
	s.leaveSpaces()
	if s.mode == starting {
		s.becomeReady()
	} else {
		s.mode = opaque
	}
	return true
}
