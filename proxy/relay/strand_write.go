package relay

import (
	"encoding/base64"

	"usher/proxy/demux"
	"usher/proxy/engineio"
	"usher/proxy/ws"
)

// span is a part of what is being read that goes on to one strand unchanged:
// frames that stand one behind the other, to be written at once. base is the
// loop's, valid while it is being taken.
type span struct {
	base     []byte
	to       *strand
	from, at int
}

// add has the frame at the given place go out to s, behind all that does.
func (sp *span) add(lp *loop, s *strand, at int, frame []byte) {
	if sp.to == s && sp.at == at {
		sp.at += len(frame)
		return
	}
	sp.spill(lp)
	if len(s.out) > 0 {
		s.gather(lp, frame)
		return
	}
	sp.to, sp.from, sp.at = s, at, at+len(frame)
}

// spill has what there is go out at the end of the turn.
func (sp *span) spill(lp *loop) {
	if s := sp.to; s != nil {
		sp.to = nil
		s.gather(lp, sp.base[sp.from:sp.at])
	}
}

// end writes what there is. Where more legs have something for the client in
// this turn, it waits for them.
func (sp *span) end(lp *loop) {
	s := sp.to
	if s != nil && s.side == client && s.fan.expects() {
		sp.spill(lp)
	} else if s != nil {
		sp.to = nil
		s.write(lp, sp.base[sp.from:sp.at])
	}
	sp.base = nil
}

// send has m go out to s.
func (s *strand) send(lp *loop, m *demux.Message) {
	if s.is(sentClose | closed | deaf) {
		return
	}
	if s.passed != nil {
		s.passed.to.messages.Add(1)
	}
	if s.window > 0 && s.sendDeflated(lp, m) {
		return
	}
	if s.passes(lp, m) {
		lp.span.add(lp, s, lp.in.at, m.Frame)
		return
	}
	v, data := s.fan.entry.Version, m.Head
	if len(data) < m.Size {
		lp.whole = lp.in.appendContent(lp.outputs.take(m.Size), m)
		data = lp.whole
	}
	s.frame(lp, s.header(m), func(dst []byte) []byte {
		dst, _ = engineio.AppendMessage(dst, v, engineio.Packet{Type: m.Type, Binary: m.Binary, Data: data}, s.b64)
		return dst
	})
	if lp.whole != nil {
		lp.outputs.give(lp.whole)
		lp.whole = nil
	}
}

// passes tells whether m goes out as the frame that it came in.
func (s *strand) passes(lp *loop, m *demux.Message) bool {
	return m.Frame != nil && m == &lp.in.msg && !(s.b64 && m.Binary)
}

// header is of the frame that carries m to s, but for its mask.
func (s *strand) header(m *demux.Message) ws.Header {
	h := ws.Header{Fin: true, Opcode: ws.Text, Length: int64(wireSize(s.fan.entry.Version, m, s.b64))}
	if m.Binary && !s.b64 {
		h.Opcode = ws.Binary
	}
	return h
}

// wireSize is the size of the WebSocket message that carries m.
func wireSize(v engineio.Version, m *demux.Message, b64 bool) int {
	switch {
	case !m.Binary:
		return 1 + m.Size
	case b64 && v == engineio.V3:
		return 2 + base64.StdEncoding.EncodedLen(m.Size)
	case b64:
		return 1 + base64.StdEncoding.EncodedLen(m.Size)
	case v == engineio.V3:
		return 1 + m.Size
	}
	return m.Size
}

// sendControl has a control frame go out.
func (s *strand) sendControl(lp *loop, op ws.Opcode, payload []byte) {
	if s.is(sentClose | closed | deaf) {
		return
	}
	if lp.tapping.taps != nil {
		lp.showOwn(s.fan.session, &s.line, s.to.Upstream, op, payload)
	}
	s.frame(lp, ws.Header{Fin: true, Opcode: op, Length: int64(len(payload))}, func(dst []byte) []byte {
		return append(dst, payload...)
	})
}

// frame has a frame go out, whose payload fill appends.
func (s *strand) frame(lp *loop, h ws.Header, fill func([]byte) []byte) {
	if s.side == upstream { // there usher is the client
		h.Masked, h.Key = true, *newKey()
	}
	s.prepare(lp)
	s.out = ws.AppendHeader(s.out, h)
	begin := len(s.out)
	s.out = fill(s.out)
	if h.Masked {
		ws.Mask(s.out[begin:], h.Key, 0)
	}
	s.bound(lp)
}

// gather has p go out at the end of the turn.
func (s *strand) gather(lp *loop, p []byte) {
	s.prepare(lp)
	s.out = append(s.out, p...)
	s.bound(lp)
}

// prepare makes s.out ready to be appended to.
func (s *strand) prepare(lp *loop) {
	if lp.span.to == s {
		lp.span.spill(lp)
	}
	if s.out == nil {
		s.out = lp.outputs.take(bufferSize)
	}
	if !s.dirty {
		s.dirty = true
		lp.dirty = append(lp.dirty, s)
	}
}

// bound writes what has gathered if it is a buffer full.
func (s *strand) bound(lp *loop) {
	if len(s.out) >= bufferSize/2 {
		s.writeOut(lp)
	}
}

// writeOut writes what has gathered.
func (s *strand) writeOut(lp *loop) {
	if lp.span.to == s {
		lp.span.spill(lp)
	}
	if out := s.out; out != nil {
		s.out = nil
		s.write(lp, out)
		lp.outputs.give(out)
	}
}

// write writes p now, and counts it.
func (s *strand) write(lp *loop, p []byte) {
	if s.passed != nil {
		s.passed.to.bytes.Add(uint64(len(p)))
	}
	lp.write(&s.line, p)
}

// dropOut forgets what has gathered.
func (s *strand) dropOut(lp *loop) {
	if lp.span.to == s {
		lp.span.to = nil
	}
	lp.outputs.give(s.out)
	s.out = nil
}

// writeDirty writes what has gathered for strands in this turn.
func (lp *loop) writeDirty() {
	for i := 0; i < len(lp.dirty); i++ {
		s := lp.dirty[i]
		lp.dirty[i], s.dirty = nil, false
		s.writeOut(lp)
	}
	lp.dirty = lp.dirty[:0]
}
