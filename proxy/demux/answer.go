package demux

import (
	"bytes"

	"usher/proxy/engineio"
	"usher/proxy/socketio"
)

// connected handles an upstream's CONNECT, which answers one of the client's.
func (s *Session) connected(leg int, m *Message, h *socketio.Header) {
	sp := s.owned(leg, h)
	if sp == nil {
		s.disown(leg, h)
		return
	}
	s.legs[leg].answered(s.now)
	sp.pending -= min(sp.pending, 1)
	first := sp.state != open
	sp.state, sp.sent, sp.since, sp.unanswered = open, true, s.now, 0
	s.joined = true
	s.store(sp, m, h)
	s.settle(sp)
	s.passAnswer(leg, m, h)
	if first && s.mode != over {
		s.flushPackets(sp)
	}
}

// disown makes the upstream forget a socket that it has made for a client that
// did not wait for it. Roots of EIO3 are made unasked.
func (s *Session) disown(leg int, h *socketio.Header) {
	if s.version == engineio.V4 && s.legs[leg].state == legOpen {
		s.effects.ToLeg(leg, own(socketio.AppendDisconnect(nil, h.Namespace)))
	}
}

// passAnswer sends an upstream's CONNECT to the client, with the endpoint's tag
// if its pid is to lead back there.
func (s *Session) passAnswer(leg int, m *Message, h *socketio.Header) {
	tag := s.legs[leg].tag
	if tag == "" || !s.service(leg).AffinityPID {
		s.toClient(m)
		return
	}
	whole := s.load(m)
	b := socketio.AppendTagged(s.effects.Take(len(whole)+len(tag)+1), whole, *h, tag)
	s.toClient(text(b))
	s.effects.Give(b)
	s.effects.Give(whole)
}

// store keeps the CONNECT that was answered, if it may be needed again, and
// what the answer says of recovery.
func (s *Session) store(sp *space, answer *Message, h *socketio.Header) {
	w := sp.wait
	if w == nil || s.service(int(sp.leg)).OnLoss != Reconnect {
		return
	}
	if s.version == engineio.V4 && answer.whole() {
		w.begin(socketio.ParseAnswer(answer.Head[h.Data:]).PID)
	}
	if w.connects.n == 0 {
		return
	}
	m := new(Message)
	for rest := w.connects.buf; len(rest) > 0; {
		rest = next(rest, m)
	}
	s.unstore(w)
	w.stored = bytes.Clone(m.Head)
	s.held += m.Size
}

// unstore forgets what store has kept.
func (s *Session) unstore(w *wait) {
	s.held -= len(w.stored)
	clear(w.stored)
	w.stored = nil
}

// settle forgets the CONNECTs when all of them are answered.
func (s *Session) settle(sp *space) {
	w := sp.wait
	if w == nil || sp.pending > 0 {
		return
	}
	s.unhold(&w.connects)
	if w.stored == nil && w.packets.n == 0 {
		sp.wait = nil
	}
}

// flushPackets sends what the client has sent before its CONNECT was answered.
func (s *Session) flushPackets(sp *space) {
	w, leg := sp.wait, int(sp.leg)
	if w == nil {
		return
	}
	for rest := w.packets.buf; len(rest) > 0 && s.mode != over; {
		var p packet
		p, rest = unpack(rest)
		s.deliver(leg, &p)
	}
	if s.mode == over {
		return
	}
	s.unhold(&w.packets)
	if w.stored == nil && w.connects.n == 0 {
		sp.wait = nil
	}
}

// disconnected handles an upstream's DISCONNECT.
func (s *Session) disconnected(leg int, m *Message, h *socketio.Header) {
	sp := s.owned(leg, h)
	if sp == nil {
		return
	}
	if s.toClient(m) {
		s.bury(sp)
		s.leave(leg, true)
	}
}

// connectFailed handles an upstream's CONNECT_ERROR, which EIO3 calls ERROR.
func (s *Session) connectFailed(leg int, m *Message, h *socketio.Header) {
	sp := s.owned(leg, h)
	if sp == nil {
		if s.version == engineio.V3 && h.Root() {
			s.rootRefused(leg, m, h)
		}
		return
	}
	sp.pending -= min(sp.pending, 1)
	switch {
	case sp.state == rejoining:
		s.refusedAgain(leg)
		return
	case sp.state == open && (s.version == engineio.V3 || sp.wait != nil && sp.wait.connects.n > 0):
		s.settle(sp)
		s.toClient(m)
		return
	case !s.toClient(m):
		return
	case sp.pending > 0: // another CONNECT is on its way
		return
	case sp.state == open:
		s.bury(sp)
	default:
		s.remove(sp)
	}
	s.leave(leg, false)
}

// expel tells the client that it has left a namespace.
func (s *Session) expel(sp *space) {
	if s.toClient(own(socketio.AppendDisconnect(nil, []byte(sp.name)))) {
		s.bury(sp)
	}
}

// giveUp answers a CONNECT that waits with an error.
func (s *Session) giveUp(sp *space, message, data string) {
	name := []byte(sp.name)
	s.remove(sp)
	s.refuseConnect(name, message, data)
}
