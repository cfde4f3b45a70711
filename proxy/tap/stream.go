package tap

import (
	"usher/proxy/ws"
)

// Stream follows what one side of a connection sends, frame by frame, for taps.
// It belongs to who reads that side. The zero value stands anywhere.
type Stream struct {
	frame Frame
	need  int    // of the payload's beginning, so much is still to come; 0 for none
	head  []byte // of the payload, unmasked
	key   [4]byte
}

// Waits tells whether a frame is not shown yet, as its beginning is to come.
func (st *Stream) Waits() bool { return st.need > 0 }

// See looks at b, whose first left bytes belong to a frame that has begun
// before. What its last bytes begin, a header or a control frame, is not seen
// until it stands whole in a later b. like says what frames of this side are.
func (st *Stream) See(to *Taps, like Frame, b []byte, left int64) {
	before := b[:min(left, int64(len(b)))]
	st.extend(to, before)
	for b = b[len(before):]; len(b) > 0; {
		h, n, err := ws.ParseHeader(b)
		if err != nil || n == 0 {
			return
		}
		payload := b[n:min(int64(len(b)), int64(n)+min(h.Length, int64(len(b))))]
		if h.Opcode.Control() && int64(len(payload)) < h.Length {
			return
		}
		st.begin(to, like, h, payload)
		b = b[n+len(payload):]
		if h.Opcode == ws.Close {
			return // nothing follows it (RFC 6455, 5.5.1)
		}
	}
}

// begin shows a frame, or waits for the rest of its beginning.
func (st *Stream) begin(to *Taps, like Frame, h ws.Header, payload []byte) {
	st.frame, st.key, st.need = like, h.Key, 0
	st.frame.Opcode, st.frame.Fin, st.frame.Compressed, st.frame.Size = h.Opcode, h.Fin, h.RSV&ws.RSV1 != 0, h.Length
	if !to.room() || !st.frame.readable() {
		to.Show(st.frame, nil) // where it is counted at least
		return
	}
	want := int(min(int64(to.bytes), h.Length))
	st.head = append(st.head[:0], payload[:min(want, len(payload))]...)
	ws.Mask(st.head, st.key, 0)
	if st.need = want - len(st.head); st.need == 0 {
		to.Show(st.frame, st.head)
	}
}

// extend adds to the beginning of the frame that is waited for.
func (st *Stream) extend(to *Taps, payload []byte) {
	if st.need == 0 || len(payload) == 0 {
		return
	}
	at := len(st.head)
	st.head = append(st.head, payload[:min(st.need, len(payload))]...)
	ws.Mask(st.head[at:], st.key, at)
	if st.need -= len(st.head) - at; st.need == 0 {
		to.Show(st.frame, st.head)
	}
}

// End shows a frame of which no more will come.
func (st *Stream) End(to *Taps) {
	if st.need > 0 {
		st.need = 0
		to.Show(st.frame, st.head)
	}
}

// Own shows a control frame that usher itself sends to a side.
func (ts *Taps) Own(like Frame, op ws.Opcode, payload []byte) {
	like.Opcode, like.Fin, like.Size = op, true, int64(len(payload))
	ts.Show(like, payload)
}
