package relay

import (
	"usher/proxy/ws"
)

// take is user's: it takes whole frames off p, and what came of the last one.
func (s *strand) take(lp *loop, _ *line, p []byte, fresh int) {
	if s.rest != nil { // nothing was held behind it
		s.rest.more = append(s.rest.more, p...)
		s.fan.count(s, fresh)
		return
	}
	s.show(lp, p)
	s.fan.count(s, fresh)
	s.look(lp, p)
}

// show shows p to taps.
func (s *strand) show(lp *loop, p []byte) {
	if lp.tapping.taps != nil {
		lp.show(s.fan.session, &s.line, s.to.Upstream, p, s.check.Remaining())
	}
}

// look acts on p, which was read and shown.
func (s *strand) look(lp *loop, p []byte) {
	s.held = nil
	messages := s.check.Messages()
	lp.flater.spent = 0
	lp.span = span{base: p}
	at, err := s.frames(lp, p)
	if err != nil {
		s.fan.broke(s, err)
	}
	lp.span.end(lp)
	if at < len(p) && !s.is(ignored|closed) {
		s.held = append(s.held, p[at:]...)
	}
	if t := s.options().MessageTimeout; s.clock(lp.now, s.parts != nil, s.check.Messages() != messages) && t > 0 {
		lp.timers.schedule(s.fan, s.began+t)
	}
}

// frames hands on what p begins with and returns how much of it that was. The
// rest is less than a header or a control frame.
func (s *strand) frames(lp *loop, p []byte) (at int, err error) {
	rules := s.rules()
	for at < len(p) && !s.is(ignored|closed) && err == nil {
		if lp.flater.pauses() {
			s.pause(lp, p[at:])
			return len(p), nil
		}
		var n int
		q := p[at:]
		if left := s.check.Remaining(); left > 0 {
			n, err = s.extend(lp, &rules, q[:min(left, int64(len(q)))])
			at += n
			continue
		}
		var h ws.Header
		if h, n, err = ws.ParseHeader(q); err != nil || n == 0 {
			return at, err
		}
		size := int64(n) + h.Length
		switch {
		case h.Opcode.Control():
			if n, err = s.control(lp, &rules, q); n == 0 {
				return at, err
			}
		case h.Fin && !s.check.Open() && h.Opcode != ws.Continuation && size <= int64(len(q)):
			if err = s.pass(&rules, q[:size]); err == nil {
				lp.in.at = at
				err = s.whole(lp, h, q[n:size], q[:size])
			}
			n = int(size)
		default:
			err = s.begin(lp, &rules, h, q[:n])
		}
		at += n
	}
	return at, err
}

// whole delivers a message that came as one frame.
func (s *strand) whole(lp *loop, h ws.Header, payload, frame []byte) error {
	if h.RSV == 0 {
		s.deliver(lp, h, payload, frame)
		return nil
	}
	ws.Mask(payload, h.Key, 0) // goes nowhere as it is
	return s.inflate(lp, h.Opcode, payload)
}

// pass checks p, which is to be passed as a whole.
func (s *strand) pass(rules *ws.Rules, p []byte) error {
	_, _, err := s.check.Next(rules, p)
	return err
}

// control acts on the control frame that q begins with and returns its size, 0
// if it is not whole.
func (s *strand) control(lp *loop, rules *ws.Rules, q []byte) (int, error) {
	_, kind, err := s.check.Next(rules, q)
	if err != nil || kind != ws.Control {
		return 0, err
	}
	f := s.check.Control(q, &lp.scratch)
	if s.parts == nil { // it had begun itself
		s.began = 0
	}
	if s.side == client && f.Header.Opcode != ws.Close {
		s.fan.spend(1, 0)
	}
	switch f.Header.Opcode {
	case ws.Ping:
		s.sendControl(lp, ws.Pong, f.Payload)
	case ws.Close:
		s.set(ignored)
		code, _, _ := ws.ParseClose(f.Payload) // was checked
		s.fan.closedBy(s, code)
	default: // a pong, to nobody's ping
	}
	return f.Size, nil
}

// begin takes the header of a frame whose message comes in pieces.
func (s *strand) begin(lp *loop, rules *ws.Rules, h ws.Header, header []byte) error {
	if err := s.pass(rules, header); err != nil {
		return err
	}
	if s.is(sentClose) { // nobody listens
		return nil
	}
	if s.parts == nil {
		s.parts = &parts{binary: h.Opcode == ws.Binary, packed: h.RSV != 0}
		s.parts.bytes = lp.outputs.take(int(min(h.Length, bufferSize)))
	}
	s.parts.key, s.parts.at = h.Key, 0
	return s.completed(lp)
}

// extend adds payload of the current frame to the message.
func (s *strand) extend(lp *loop, rules *ws.Rules, p []byte) (int, error) {
	if err := s.pass(rules, p); err != nil {
		return 0, err
	}
	m := s.parts
	if m == nil {
		return len(p), nil
	}
	begin := len(m.bytes)
	m.bytes = append(m.bytes, p...)
	if s.side == client {
		ws.Mask(m.bytes[begin:], m.key, m.at)
	}
	m.at += len(p)
	return len(p), s.completed(lp)
}

// completed delivers the message if it is whole.
func (s *strand) completed(lp *loop) (err error) {
	if s.check.Open() || s.check.Remaining() > 0 {
		return nil
	}
	m := s.parts
	s.parts = nil
	op := ws.Text
	if m.binary {
		op = ws.Binary
	}
	if m.packed {
		err = s.inflate(lp, op, m.bytes)
	} else {
		s.deliver(lp, ws.Header{Opcode: op}, m.bytes, nil)
	}
	lp.outputs.give(m.bytes)
	return err
}

// endMessage forgets a message that is not whole.
func (s *strand) endMessage(lp *loop) {
	s.began = 0
	if s.parts != nil {
		lp.outputs.give(s.parts.bytes)
		s.parts = nil
	}
}
