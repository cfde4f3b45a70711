package demux

import (
	"errors"
	"time"

	"usher/proxy/engineio"
	"usher/proxy/socketio"
)

// The ways in which a packet is out of place.
var (
	errBinary     = errors.New("socket.io attachment without a packet that announces it")
	errText       = errors.New("socket.io packet among the attachments of another one")
	errMany       = errors.New("socket.io packet announces too many attachments")
	errGroup      = errors.New("socket.io packet with its attachments is too big")
	errPayload    = errors.New("message is beyond the upstream's maxPayload")
	errEarly      = errors.New("client spoke before the handshake was answered")
	errNotJoined  = errors.New("socket.io packet for a namespace that is not joined")
	errRejoin     = errors.New("socket.io CONNECT to a namespace that is joined")
	errFromClient = errors.New("socket.io CONNECT_ERROR from a client")
	errConnect    = errors.New("socket.io CONNECT with data that is no JSON object")
	errName       = errors.New("socket.io namespace has control characters")
	errDirection  = errors.New("engine.io heartbeat in the wrong direction")
)

// ErrParser is the end of a client whose messages nobody here understands.
var ErrParser = errors.New("client has a parser of its own, and the route no socketio.fallback to take it whole")

// FromClient handles a packet of the client, which may speak once Ready was
// called. The types Open, Upgrade and Noop have no effect here.
func (s *Session) FromClient(now time.Duration, m *Message) {
	s.now = now
	s.beat.heard = now
	m.More = false
	switch {
	case s.mode == over:
	case s.mode == starting:
		s.end(Violation, errEarly)
	case m.Type == engineio.Message:
		s.clientMessage(m)
	default:
		s.clientControl(m)
		s.schedule()
	}
}

func (s *Session) clientControl(m *Message) {
	switch m.Type {
	case engineio.Close:
		s.end(ClientClosed, nil)
	case engineio.Ping:
		if s.version == engineio.V4 {
			s.end(Heartbeat, errDirection)
			return
		}
		s.effects.ToClient(control(engineio.Pong, m.Head))
	case engineio.Pong:
		if s.version == engineio.V3 {
			s.end(Heartbeat, errDirection)
			return
		}
		s.beat.pong(s)
	case engineio.Open, engineio.Message, engineio.Upgrade, engineio.Noop:
	}
}

func (s *Session) clientMessage(m *Message) {
	if s.mode == opaque {
		s.opaqueFromClient(m)
		return
	}
	if s.in.left > 0 {
		s.clientAttachment(m)
		return
	}
	if !s.spoken {
		s.spoken = true
		if foreign(m) {
			s.turnOpaque(m)
			return
		}
	}
	if m.Binary {
		s.end(Malformed, errBinary)
		return
	}
	switch h, n, err := socketio.ParseHeader(m.Head, m.whole()); {
	case err != nil:
		s.end(Malformed, err)
	case n > 0:
		s.clientPacket(m, &h)
	default:
		s.clientLong(m)
	}
}

// clientLong handles a packet whose header is longer than what there is of it
// in Head: a query is, which a CONNECT of EIO3 may have.
func (s *Session) clientLong(m *Message) {
	whole := s.load(m)
	defer s.effects.Give(whole)
	h, _, err := socketio.ParseHeader(whole, true)
	if err != nil {
		s.end(Malformed, err)
		return
	}
	w := *m
	w.Head = whole
	s.clientPacket(&w, &h)
}

// load copies the whole of m to a buffer, which is to be given back.
func (s *Session) load(m *Message) []byte {
	b := s.effects.Take(m.Size)
	if m.whole() {
		return append(b, m.Head...)
	}
	return s.effects.Append(b, m)
}

func (s *Session) clientPacket(m *Message, h *socketio.Header) {
	switch h.Type {
	case socketio.Connect:
		if !s.plead(m, h) && s.mode != over {
			s.connect(m, h)
		}
		s.schedule()
		return
	case socketio.Disconnect:
		s.disconnect(m, h)
		s.schedule()
		return
	case socketio.ConnectError:
		s.end(Violation, errFromClient)
		return
	case socketio.Event, socketio.Ack, socketio.BinaryEvent, socketio.BinaryAck:
	}
	if h.Attachments > s.config.MaxAttachments {
		s.end(TooBig, errMany)
		return
	}
	if p := s.pleaOf(h.Namespace); p != nil {
		if h.Attachments > 0 {
			s.in.start(h, false)
			s.in.add(s.effects, m)
		} else {
			s.hold(&p.held, m)
		}
		return
	}
	sp := s.admit(h)
	switch {
	case s.mode == over:
	case h.Attachments > 0:
		s.in.start(h, sp == nil)
		s.in.add(s.effects, m)
	case sp != nil && sp.state == open && h.Type == socketio.Event:
		s.toLeg(int(sp.leg), m)
	case sp != nil:
		p := packet{header: *h, head: m}
		s.dispatch(sp, &p)
	}
}

// admit finds the namespace of a packet from the client. It is nil if the
// packet is dropped, or has ended the session.
func (s *Session) admit(h *socketio.Header) *space {
	sp := s.find(h.Namespace)
	switch {
	case sp == nil:
		s.stray(DropUnknown)
	case sp.state == left:
		s.stray(DropTombstone)
	case sp.leg < 0:
		s.drop(DropVirtualRoot)
	default:
		return sp
	}
	return nil
}

// stray handles a packet for a namespace that is not joined. A server closes
// the connection; but a server that has just disconnected the client may cross
// its packet, so that is done only to clients that never joined anything.
// Servers of EIO3 never do it.
func (s *Session) stray(d Drop) {
	if s.version == engineio.V4 && (!s.joined || s.config.StrictNamespaces) {
		s.end(Violation, errNotJoined)
		return
	}
	s.drop(d)
}

// clientAttachment takes an attachment of the packet that the client has begun.
func (s *Session) clientAttachment(m *Message) {
	if !m.Binary {
		s.end(Malformed, errText)
		return
	}
	if len(s.in.parts.buf)+m.cost() > s.config.MaxClientGroup {
		s.end(TooBig, errGroup)
		return
	}
	if s.in.left--; s.in.left > 0 {
		s.in.add(s.effects, m)
		return
	}
	if !s.in.skip {
		p := s.in.complete(m)
		if q := s.pleaOf(p.header.Namespace); q != nil {
			p.each(func(m *Message) bool { return s.hold(&q.held, m) })
		} else if sp := s.admit(&p.header); sp != nil {
			s.dispatch(sp, &p)
		}
	}
	s.in.drop(s.effects)
}
