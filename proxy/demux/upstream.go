package demux

import (
	"errors"
	"fmt"
	"time"

	"usher/proxy/engineio"
	"usher/proxy/socketio"
)

// The ways in which an upstream fails a client, beside those that clients have,
// too.
var (
	errNoOpen     = errors.New("engine.io open packet did not come in time")
	errBeforeOpen = errors.New("message before the engine.io open packet")
	errNoBeat     = errors.New("engine.io heartbeat did not come in time")
	errHeader     = errors.New("socket.io packet with a header that is too long")
	errIDs        = errors.New("upstream has counted its questions beyond all numbers")
	errNoLeg      = errors.New("no new connection in time")
	errUnanswered = errors.New("socket.io CONNECT went unanswered too often")
	errAgain      = errors.New("client is refused now that its socket.io CONNECT was sent again")
)

// ErrClose is an upstream's own end of a leg, in good order.
var ErrClose = errors.New("engine.io close")

// FromLeg handles a packet of an upstream, the first of which is its open
// packet.
func (s *Session) FromLeg(now time.Duration, leg int, m *Message) {
	s.now = now
	if !s.legIn(leg, legOpening, legOpen, legLeaving) {
		return
	}
	l := &s.legs[leg]
	l.heard = now
	m.More = false
	if m.Type == engineio.Message {
		s.legMessage(leg, m)
		return
	}
	s.legControl(leg, m)
	s.schedule()
}

func (s *Session) legControl(leg int, m *Message) {
	l := &s.legs[leg]
	switch m.Type {
	case engineio.Open:
		if l.state == legOpening {
			s.legOpened(leg, m.Head)
		}
	case engineio.Ping:
		s.effects.ToLeg(leg, control(engineio.Pong, m.Head))
	case engineio.Pong:
		if s.version == engineio.V3 && l.pinged {
			l.pinged, l.due = false, s.now+l.interval
		}
	case engineio.Close:
		s.breakLeg(leg, ErrClose)
	case engineio.Message, engineio.Upgrade, engineio.Noop:
	}
}

// legOpened reads the upstream's open packet, and sends what has waited for it.
func (s *Session) legOpened(leg int, data []byte) {
	o, err := engineio.ParseOpen(data)
	if err != nil {
		s.failLeg(leg, err)
		return
	}
	l := &s.legs[leg]
	l.state, l.pinged = legOpen, false
	l.due = s.now + o.PingInterval
	l.interval, l.timeout, l.maxPayload = o.PingInterval, o.PingTimeout, o.MaxPayload
	if s.version == engineio.V3 && s.mode == starting && int(l.service) == s.config.first() {
		s.sid = o.SID
	}
	if s.mode == opaque {
		s.flushOpaque(leg)
		return
	}
	s.sendConnects(leg)
	s.becomeReady()
}

// sendConnects sends the CONNECTs of all namespaces of a leg that has just
// opened, in the order in which the client sent them.
func (s *Session) sendConnects(leg int) {
	late := false
	for i := 0; i < len(s.spaces) && s.mode != over; i++ {
		sp := &s.spaces[i]
		if int(sp.leg) != leg || sp.state == left {
			continue
		}
		if sp.state == connecting && s.stale(sp) {
			s.giveUp(sp, textUnauthorized, dataExpired)
			i-- // it is no longer there
			late = true
			continue
		}
		sp.sent, sp.long = true, false
		switch {
		case s.version == engineio.V3 && sp.name == "/":
			sp.pending = 1 // the upstream's, unasked
		case sp.state == rejoining:
			sp.pending = 1
			s.rejoin(leg, sp)
		default:
			connects := sp.waiting().connects
			sp.pending = uint8(connects.n)
			m := new(Message)
			for rest := connects.buf; len(rest) > 0 && s.mode != over; {
				rest = next(rest, m)
				s.toLeg(leg, m)
			}
		}
	}
	if late {
		s.leave(leg, false)
	}
}

// breakLeg closes a leg whose upstream has broken the protocol.
func (s *Session) breakLeg(leg int, err error) {
	s.effects.CloseLeg(leg)
	s.lost(leg, s.ofService(leg, err))
}

// failLeg closes a leg that does not open as it should.
func (s *Session) failLeg(leg int, err error) {
	s.effects.CloseLeg(leg)
	s.legFailed(leg, s.ofService(leg, err))
}

// ofService names the service of the leg that err is about.
func (s *Session) ofService(leg int, err error) error {
	return fmt.Errorf("%s: %w", s.service(leg).Name, err)
}

func (s *Session) legMessage(leg int, m *Message) {
	l := &s.legs[leg]
	switch {
	case l.state == legOpening: // a message before the open packet
		s.failLeg(leg, errBeforeOpen)
		s.schedule()
		return
	case s.mode == opaque:
		s.toClient(m)
		return
	case l.in.left > 0:
		s.legAttachment(leg, m)
		return
	case !s.spoken && s.opaqueRoot(leg, m):
		s.toClient(m)
		return
	case m.Binary:
		s.breakLeg(leg, errBinary)
		s.schedule()
		return
	}
	h, n, err := socketio.ParseHeader(m.Head, m.whole())
	if err == nil && n == 0 {
		err = errHeader
	}
	if err != nil {
		s.breakLeg(leg, err)
		s.schedule()
		return
	}
	s.legPacket(leg, m, &h)
}

func (s *Session) legPacket(leg int, m *Message, h *socketio.Header) {
	switch h.Type {
	case socketio.Connect:
		s.connected(leg, m, h)
		s.schedule()
		return
	case socketio.Disconnect:
		s.disconnected(leg, m, h)
		s.schedule()
		return
	case socketio.ConnectError:
		s.connectFailed(leg, m, h)
		s.schedule()
		return
	case socketio.Event, socketio.Ack, socketio.BinaryEvent, socketio.BinaryAck:
	}
	l := &s.legs[leg]
	if h.Attachments > s.config.MaxAttachments {
		s.breakLeg(leg, errMany)
		s.schedule()
		return
	}
	sp := s.owned(leg, h)
	switch {
	case h.Attachments > 0:
		l.in.start(h, sp == nil)
		l.in.add(s.effects, m)
	case sp == nil:
	case !h.HasID || h.Type != socketio.Event:
		s.track(sp, m, h)
		s.toClient(m)
	default:
		p := packet{header: *h, head: m}
		s.pass(leg, &p)
	}
}

// owned finds the namespace of a packet from a leg, or nil if it is none of
// that leg's.
func (s *Session) owned(leg int, h *socketio.Header) *space {
	sp := s.find(h.Namespace)
	switch {
	case sp != nil && sp.state != left && int(sp.leg) == leg:
		return sp
	case s.version == engineio.V3 && h.Root():
		s.drop(DropForeignRoot)
	case sp != nil && sp.state == left:
		s.drop(DropTombstone)
	default:
		s.drop(DropUnknown)
	}
	return nil
}

// legAttachment takes an attachment of the packet that an upstream has begun.
func (s *Session) legAttachment(leg int, m *Message) {
	g := &s.legs[leg].in
	var err error
	switch {
	case !m.Binary:
		err = errText
	case len(g.parts.buf)+m.cost() > s.config.MaxLegGroup:
		err = errGroup
	}
	if err != nil {
		s.breakLeg(leg, err)
		s.schedule()
		return
	}
	if g.left--; g.left > 0 {
		g.add(s.effects, m)
		return
	}
	if !g.skip {
		p := g.complete(m)
		if sp := s.owned(leg, &p.header); sp != nil {
			s.track(sp, p.head, &p.header)
			s.pass(leg, &p)
		}
	}
	if s.mode != over {
		s.legs[leg].in.drop(s.effects)
	}
}

// pass sends a packet of an upstream to the client. A question may get another
// id.
func (s *Session) pass(leg int, p *packet) {
	id := p.header.ID
	if p.header.HasID && (p.header.Type == socketio.Event || p.header.Type == socketio.BinaryEvent) {
		var ok bool
		if id, ok = s.legs[leg].asks.ask(id); !ok {
			s.end(LegLost, s.ofService(leg, errIDs))
			return
		}
	}
	if id == p.header.ID {
		p.each(s.toClient)
		return
	}
	whole := s.load(p.head)
	b := socketio.AppendWithID(s.effects.Take(len(whole)+maxDigits), whole, p.header, id)
	q := *p
	q.head = text(b)
	q.each(s.toClient)
	s.effects.Give(b)
	s.effects.Give(whole)
}
