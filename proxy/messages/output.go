package messages

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"time"

	"usher/proxy/session"
	"usher/proxy/ws"
)

const (
	// chunk is how much a peer must take within write_timeout.
	chunk = 64 << 10
	// keep is how large a buffer may be that is kept for the next message.
	keep = 64 << 10
)

// output is what the library has written to a leg and does not make a whole
// message yet.
type output struct {
	frame   []byte    // the beginning of a frame
	opcode  ws.Opcode // of the message
	message []byte    // its payload, behind room for a header; nil between messages
}

// Write takes what the library sends: its handshake, which is answered here,
// and frames, of which whole messages go to the socket. It takes everything:
// that writing failed is the session's business, and the library would tell
// the peer.
func (l *leg) Write(p []byte) (int, error) {
	if !l.greeting.over {
		l.answer = l.greeting.hear(p)
		return len(p), nil
	}
	out := &l.output
	out.frame = append(out.frame, p...)
	for {
		h, n, err := ws.ParseHeader(out.frame)
		if err != nil {
			l.pair.broken(err)
			return len(p), nil
		}
		if n == 0 || int64(len(out.frame)-n) < h.Length {
			return len(p), nil
		}
		size := n + int(h.Length)
		l.take(h, out.frame[:size], n)
		out.frame = out.frame[:copy(out.frame, out.frame[size:])]
		if len(out.frame) == 0 && cap(out.frame) > keep {
			out.frame = nil
		}
	}
}

// take passes on a frame of the library's; its payload begins at n. Messages
// that the library has broken up are put together. Its control frames are
// dropped: they say what it makes of the session's end.
func (l *leg) take(h ws.Header, frame []byte, n int) {
	switch {
	case h.Opcode.Control():
	case h.Fin && h.Opcode != ws.Continuation:
		l.send(frame)
	default:
		l.collect(h, frame[n:])
	}
}

// collect takes a fragment, and sends the message that it completes.
func (l *leg) collect(h ws.Header, payload []byte) {
	out := &l.output
	if h.Opcode != ws.Continuation {
		out.opcode, out.message = h.Opcode, make([]byte, ws.MaxHeader, 4*len(payload))
	}
	ws.Mask(payload, h.Key, 0)
	out.message = append(out.message, payload...)
	if !h.Fin {
		return
	}
	message := out.message
	out.message = nil
	whole := ws.Header{Fin: true, Opcode: out.opcode, Length: int64(len(message) - ws.MaxHeader)}
	if key := l.key(); key != nil {
		whole.Masked, whole.Key = true, *key
		ws.Mask(message[ws.MaxHeader:], *key, 0)
	}
	begin := ws.MaxHeader - whole.Size()
	ws.AppendHeader(message[:begin], whole)
	l.send(message[begin:])
}

// key returns a new masking key, which nobody can foresee (RFC 6455, 10.3), if
// frames to l are masked.
func (l *leg) key() *[4]byte {
	if l.side == session.Client {
		return nil
	}
	var key [4]byte
	binary.LittleEndian.PutUint32(key[:], rand.Uint32())
	return &key
}

// send sends l a whole frame.
func (l *leg) send(frame []byte) { l.put(frame, false) }

func (l *leg) sendControl(op ws.Opcode, payload []byte) {
	l.put(ws.AppendFrame(nil, op, payload, l.key()), false)
}

// sendClose sends l its one Close frame.
func (l *leg) sendClose(payload []byte) {
	l.put(ws.AppendFrame(nil, ws.Close, payload, l.key()), true)
	l.pair.settle()
}

// put writes a frame, unless l has had its last one.
func (l *leg) put(frame []byte, last bool) {
	l.sending.Lock()
	inTime := l.sentClose.Load() || l.write(frame)
	if last {
		l.sentClose.Store(true)
	}
	l.sending.Unlock()
	if !inTime {
		l.pair.stalled(l)
	}
}

// write writes frame, with time for each part of it, and tells whether l took
// it in time. What else is wrong with l, reading will tell. The caller holds
// sending.
func (l *leg) write(frame []byte) bool {
	timeout := l.pair.route.Limits.WriteTimeout
	for len(frame) > 0 && !l.deaf.Load() {
		part := frame[:min(len(frame), chunk)]
		frame = frame[len(part):]
		if timeout > 0 {
			l.conn.SetWriteDeadline(time.Now().Add(timeout))
		}
		if _, err := l.conn.Write(part); err != nil {
			l.deaf.Store(true)
			return !errors.Is(err, os.ErrDeadlineExceeded)
		}
	}
	return true
}
