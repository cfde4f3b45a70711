package relay

import (
	"bytes"

	"usher/proxy/demux"
	"usher/proxy/engineio"
	"usher/proxy/ws"
)

// incoming is the message that a loop is handing to a session.
type incoming struct {
	msg     demux.Message
	content []byte  // behind the packet's type, as it came
	key     [4]byte // content is masked with it
	masked  bool
	skip    int // of the masked payload, that stand before content
	at      int // where in the span's base msg.Frame begins
	head    [1 + demux.MinHead]byte
}

// deliver hands on a message from s. frame is the frame that it came in, nil
// if it did not come as one.
func (s *strand) deliver(lp *loop, h ws.Header, payload, frame []byte) {
	in, f := &lp.in, s.fan
	if f.closing() || !f.listens(s) {
		return
	}
	head := payload
	if h.Masked {
		head = in.unmask(f.entry.Version, h, payload)
	}
	pk, err := engineio.ParseMessage(f.entry.Version, h.Opcode == ws.Binary, head)
	if err != nil {
		f.unreadable(s, err)
		return
	}
	in.msg = demux.Message{Type: pk.Type, Binary: pk.Binary, Head: pk.Data, Size: len(pk.Data)}
	if h.Opcode == ws.Binary || !pk.Binary { // not base64: content is part of payload
		in.skip = len(head) - len(pk.Data)
		in.content, in.key, in.masked = payload[in.skip:], h.Key, h.Masked
		in.msg.Size, in.msg.Frame = len(in.content), frame
	}
	f.received(s, &in.msg)
	in.msg, in.content = demux.Message{}, nil
}

// unmask returns what payload begins with, unmasked: all of it where that is
// not enough.
func (in *incoming) unmask(v engineio.Version, h ws.Header, payload []byte) []byte {
	head := in.head[:copy(in.head[:], payload)]
	ws.Mask(head, h.Key, 0)
	if len(head) < len(payload) && !isMessage(v, h.Opcode, head[0]) {
		head = bytes.Clone(payload)
		ws.Mask(head, h.Key, 0)
	}
	return head
}

// isMessage tells whether a WebSocket message that begins with c carries a
// message, and not in base64.
func isMessage(v engineio.Version, op ws.Opcode, c byte) bool {
	switch {
	case op == ws.Text:
		return c == byte(engineio.Message)
	case v == engineio.V3:
		return c == byte(engineio.Message-engineio.Open)
	}
	return true
}

// appendContent appends the whole content of m.
func (in *incoming) appendContent(dst []byte, m *demux.Message) []byte {
	if m != &in.msg || len(m.Head) == m.Size {
		return append(dst, m.Head...)
	}
	begin := len(dst)
	dst = append(dst, in.content...)
	if in.masked {
		ws.Mask(dst[begin:], in.key, in.skip)
	}
	return dst
}
