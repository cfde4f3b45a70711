package demux

import (
	"usher/proxy/engineio"
	"usher/proxy/socketio"
)

// dispatch sends a packet of the client to its upstream, or keeps it until that
// has answered the CONNECT: it closes the leg if an event comes before.
func (s *Session) dispatch(sp *space, p *packet) {
	if sp.state == open {
		s.deliver(int(sp.leg), p)
		return
	}
	t := &sp.waiting().packets
	p.each(func(m *Message) bool { return s.hold(t, m) })
}

// deliver sends a packet of the client to a leg.
func (s *Session) deliver(leg int, p *packet) {
	asks := &s.legs[leg].asks
	if asks.base == 0 || !p.header.HasID || !p.isAck() {
		p.each(func(m *Message) bool { return s.toLeg(leg, m) })
		return
	}
	id, ok := asks.answered(p.header.ID)
	if !ok {
		s.drop(DropStaleAck)
		return
	}
	whole := s.load(p.head)
	b := socketio.AppendWithID(s.effects.Take(len(whole)), whole, p.header, id)
	q := *p
	q.head = text(b)
	q.each(func(m *Message) bool { return s.toLeg(leg, m) })
	s.effects.Give(b)
	s.effects.Give(whole)
}

func (p *packet) isAck() bool {
	return p.header.Type == socketio.Ack || p.header.Type == socketio.BinaryAck
}

// toLeg sends a message of the client to an open leg. One that the upstream
// would close the leg for ends the session, as it would without us.
func (s *Session) toLeg(leg int, m *Message) bool {
	size := m.Size
	if !m.Binary || s.version == engineio.V3 {
		size++ // the type
	}
	if limit := s.legs[leg].maxPayload; limit > 0 && size > limit {
		s.end(TooBig, errPayload)
		return false
	}
	s.effects.ToLeg(leg, m)
	return true
}
