package demux

import (
	"encoding/binary"

	"usher/proxy/engineio"
)

// stash keeps messages in one buffer of the caller's, each behind four bytes
// that say its length and kind.
type stash struct {
	buf []byte
	n   int // messages
}

const (
	stashHeader = 4
	stashBinary = 1 << 31 // a message of bytes
	stashMore   = 1 << 30 // another one of the same packet follows
	stashLength = stashMore - 1
)

// cost is the room that a message takes in a stash.
func (m *Message) cost() int { return stashHeader + m.Size }

// add copies m to the end of the stash.
func (t *stash) add(fx Effects, m *Message) {
	t.reserve(fx, m.cost())
	h := uint32(m.Size)
	if m.Binary {
		h |= stashBinary
	}
	if m.More {
		h |= stashMore
	}
	t.buf = binary.BigEndian.AppendUint32(t.buf, h)
	if m.whole() {
		t.buf = append(t.buf, m.Head...)
	} else {
		t.buf = fx.Append(t.buf, m)
	}
	t.n++
}

// reserve makes room for n more bytes.
func (t *stash) reserve(fx Effects, n int) {
	if cap(t.buf)-len(t.buf) >= n {
		return
	}
	size := len(t.buf) + n
	if t.buf != nil {
		size = max(size, 2*len(t.buf))
	}
	grown := append(fx.Take(size), t.buf...)
	t.discard(fx)
	t.buf = grown
}

// discard gives the buffer back. CONNECTs hold what proves who the client is,
// so nothing stays in it.
func (t *stash) discard(fx Effects) {
	if t.buf == nil {
		return
	}
	clear(t.buf)
	fx.Give(t.buf)
	t.buf = nil
}

// drop empties the stash.
func (t *stash) drop(fx Effects) {
	t.discard(fx)
	t.n = 0
}

// next takes the first message off p, which is what is left of a stash's
// buffer.
func next(p []byte, m *Message) (rest []byte) {
	h := binary.BigEndian.Uint32(p)
	end := stashHeader + int(h&stashLength)
	*m = Message{
		Type:   engineio.Message,
		Binary: h&stashBinary != 0,
		More:   h&stashMore != 0,
		Head:   p[stashHeader:end:end],
		Size:   end - stashHeader,
	}
	return p[end:]
}
