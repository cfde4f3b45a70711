package relay

import (
	"unicode/utf8"

	"usher/proxy/demux"
	"usher/proxy/engineio"
	"usher/proxy/ws"
)

const (
	// worthDeflating is the size from which messages are compressed. Shorter ones
	// fit into one packet of the network anyway.
	worthDeflating = 1 << 10
	// longDeflating is the size up to which they are. It takes some milliseconds,
	// in which the loop does nothing else.
	longDeflating = 1 << 20
	// inflating is how much is inflated of what one client has sent, before other
	// sessions have their turn and it is seen whether there is room for more.
	inflating = 4 * bufferSize
)

// rest is what was read from a strand and is not looked at yet, as what stands
// before it was inflated to so much.
type rest struct {
	bytes []byte
	more  []byte // came behind bytes, and was not shown to taps
	lost  bool   // nothing follows
	err   error  // why, as for user's lost
}

// inflate delivers a message that is compressed. payload is not masked.
func (s *strand) inflate(lp *loop, op ws.Opcode, payload []byte) error {
	if f := s.fan; f.closing() || !f.listens(s) {
		return nil
	}
	plain, err := lp.flater.inflate(lp.outputs.take(bufferSize), payload, s.options().limit())
	if err == nil && op == ws.Text && !utf8.Valid(plain) {
		err = &ws.ProtocolError{Code: ws.CodeBadPayload, Rule: "text message is not UTF-8 (RFC 6455, 5.6)"}
	}
	if err == nil {
		s.fan.spend(0, max(0, len(plain)-len(payload))) // what is small on the wire is work all the same
		s.deliver(lp, ws.Header{Opcode: op}, plain, nil)
	}
	lp.outputs.give(plain)
	return err
}

// pauses tells whether what follows in the same read has to wait: for its turn,
// and until there is room for it.
func (f *flater) pauses() bool { return f.spent >= inflating }

// pause keeps p, which was not looked at, for a later turn.
func (s *strand) pause(lp *loop, p []byte) {
	s.rest = &rest{bytes: append([]byte(nil), p...)}
	lp.postpone(&s.line)
}

// resume goes on with what was kept.
func (s *strand) resume(lp *loop) {
	r := s.rest
	s.rest = nil
	s.look(lp, r.bytes)
	if s.rest == nil && len(r.more) > 0 {
		p := append(s.held, r.more...)
		r.more = nil
		s.show(lp, p)
		s.look(lp, p)
	}
	switch {
	case s.is(closed):
	case s.rest != nil:
		s.rest.more, s.rest.lost, s.rest.err = r.more, r.lost, r.err
	case r.lost:
		s.fan.lost(s, r.err)
	}
}

// deflates tells whether a message of n bytes is worth to be compressed for s,
// and may be.
func (s *strand) deflates(n int64) bool {
	return n >= worthDeflating && n <= s.farthest()
}

// farthest is how long a message to s may be to be compressed. The compressor's
// window is the largest that there is; for a client that wants a smaller one
// only what fits into that as a whole cannot refer to anything beyond it.
func (s *strand) farthest() int64 {
	if s.window == 15 {
		return longDeflating
	}
	return 1 << s.window
}

// sendDeflated has m go out to s compressed, unless that makes it no smaller.
func (s *strand) sendDeflated(lp *loop, m *demux.Message) bool {
	h := s.header(m)
	if !s.deflates(h.Length) {
		return false
	}
	plain, own := s.payload(lp, m)
	small := lp.flater.deflate(lp.outputs.take(len(plain)), plain)
	fits := len(small) < len(plain)
	if fits {
		h.RSV, h.Length = ws.RSV1, int64(len(small))
		s.frame(lp, h, func(dst []byte) []byte { return append(dst, small...) })
	}
	lp.outputs.give(small)
	if own {
		lp.outputs.give(plain)
	}
	return fits
}

// payload returns the payload of the WebSocket message that carries m to a
// client. If own, it is a buffer of the loop's.
func (s *strand) payload(lp *loop, m *demux.Message) (p []byte, own bool) {
	if s.passes(lp, m) && !lp.in.masked {
		_, n, _ := ws.ParseHeader(m.Frame) // was checked
		return m.Frame[n:], false
	}
	content := lp.in.appendContent(lp.outputs.take(m.Size), m)
	packet := engineio.Packet{Type: m.Type, Binary: m.Binary, Data: content}
	p, _ = engineio.AppendMessage(lp.outputs.take(wireSize(s.fan.entry.Version, m, s.b64)), s.fan.entry.Version, packet, s.b64)
	lp.outputs.give(content)
	return p, true
}
