package ws

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// Rules are what a Checker holds one direction of a connection to. They are
// read only; the directions of all sessions of a route can share two.
type Rules struct {
	FromClient   bool  // frames must be masked; otherwise they must not be
	Deflate      bool  // permessage-deflate was agreed: RSV1 may stand on a message's first frame
	MaxMessage   int64 // payload bytes of one message as they are on the wire; 0 is no limit
	MaxFragments int   // frames of one message; 0 is no limit
}

// Checker checks one direction of a connection. The zero value stands before
// the first frame. It holds no bytes and no pointers: what it has not passed
// stays with the caller.
type Checker struct {
	left      int64  // payload bytes of the current data frame still to come
	size      int64  // payload bytes of the current message, by its headers so far
	fragments uint32 // frames of the current message, saturating
	messages  uint32 // completed, modulo 2^32
	key       uint32 // of the current frame, rotated: its lowest byte is next; 0 if not masked
	text      uint8  // state of the UTF-8 check
	flags     uint8
}

const (
	flagOpen  = 1 << iota // inside a message
	flagFin               // the current frame is the message's last
	flagPlain             // uncompressed text: its payload is checked
)

// Kind says why Next stopped.
type Kind uint8

// The kinds of Next's result.
const (
	Data    Kind = iota // all of p may be passed on
	Short               // p[n:] begins a header or a control frame that needs more bytes
	Control             // p[n:] begins with a whole control frame
)

// Next looks at p, which continues the stream where the last call stopped.
// p[:n] are bytes of checked data frames that may be passed on.
//
//   - Data: n is len(p).
//   - Short: p[n:] is the beginning of a header or of a control frame, less
//     than MaxControlFrame bytes: call again with it and what follows.
//   - Control: p[n:] begins with a whole and valid control frame, which
//     Checker.Control describes. It counts as consumed: go on behind it.
//   - err is a *ProtocolError: p[:n] may still be passed on, p[n] begins or is
//     what breaks a rule. Next must not be called again; Boundary and Open
//     still tell where p[:n] ends.
//
// How a stream is split over calls changes nothing in what is passed on. Next
// is not called again after a Close frame: nothing may follow it.
func (c *Checker) Next(r *Rules, p []byte) (n int, k Kind, err error) {
	for {
		if c.left > 0 {
			size := int(min(c.left, int64(len(p)-n)))
			passed := c.payload(p[n : n+size])
			n += passed
			if passed < size {
				return n, Data, broken(CodeBadPayload, "text message is not UTF-8 (RFC 6455, 5.6)")
			}
		}
		if n == len(p) {
			return n, Data, nil
		}
		h, size, err := ParseHeader(p[n:])
		if err != nil {
			return n, Data, err
		}
		if size == 0 {
			return n, Short, nil
		}
		if h.Opcode.Control() {
			k, err := checkControl(r, h, p[n:], size)
			return n, k, err
		}
		if err := c.begin(r, h); err != nil {
			return n, Data, err
		}
		n += size
	}
}

// payload consumes p, payload of the current frame, and returns how much of it
// is good. The last byte of a message is bad if it leaves a character open, so
// that the peer never holds a whole message that is not UTF-8.
func (c *Checker) payload(p []byte) int {
	if c.flags&flagPlain != 0 {
		state, n := checkText(c.text, c.key, p)
		if n < len(p) {
			return n
		}
		c.text = state
		c.key = bits.RotateLeft32(c.key, -8*(n&3))
		if state != textAccept && c.flags&flagFin != 0 && c.left == int64(n) {
			return n - 1
		}
	}
	c.left -= int64(len(p))
	if c.left == 0 {
		c.endFrame()
	}
	return len(p)
}

// begin enters the data frame that h announces. If it breaks a rule, nothing
// has changed.
func (c *Checker) begin(r *Rules, h Header) error {
	if h.Masked != r.FromClient {
		return badMask(r)
	}
	if err := c.checkOrder(r, h); err != nil {
		return err
	}
	if err := c.extend(r, h); err != nil {
		return err
	}
	if h.Opcode != Continuation {
		c.flags = flagOpen
		if h.Opcode == Text && h.RSV == 0 {
			c.flags |= flagPlain
		}
	}
	if h.Fin {
		c.flags |= flagFin
	}
	c.left, c.key = h.Length, binary.LittleEndian.Uint32(h.Key[:])
	if h.Length == 0 {
		c.endFrame()
	}
	return nil
}

// extend adds the frame to what the message has so far, within the limits.
func (c *Checker) extend(r *Rules, h Header) error {
	fragments, size := uint32(1), h.Length
	if h.Opcode == Continuation {
		fragments, size = c.fragments, c.size+h.Length // may wrap: below
		if fragments < math.MaxUint32 {
			fragments++
		}
	}
	if r.MaxMessage > 0 && size > r.MaxMessage || size < 0 {
		return broken(CodeTooBig, "message is longer than %d bytes", r.limit())
	}
	if r.MaxFragments > 0 && int64(fragments) > int64(r.MaxFragments) {
		return broken(CodePolicy, "message has more than %d fragments", r.MaxFragments)
	}
	if h.Fin && h.Length == 0 && c.text != textAccept {
		return broken(CodeBadPayload, "text message ends inside a character (RFC 6455, 5.6)")
	}
	c.fragments, c.size = fragments, size
	return nil
}

// checkOrder checks what depends on the frames before: continuations, and RSV
// bits (RFC 7692, 6: only on the first frame).
func (c *Checker) checkOrder(r *Rules, h Header) error {
	open := c.flags&flagOpen != 0
	if h.RSV != 0 && (h.RSV != RSV1 || !r.Deflate || h.Opcode == Continuation) {
		return badRSV(h)
	}
	if open && h.Opcode != Continuation {
		return broken(CodeProtocolError, "%s frame inside a message (RFC 6455, 5.4)", h.Opcode)
	}
	if !open && h.Opcode == Continuation {
		return broken(CodeProtocolError, "continuation frame outside a message (RFC 6455, 5.4)")
	}
	return nil
}

func (c *Checker) endFrame() {
	if c.flags&flagFin != 0 {
		c.messages++
		c.flags = 0
	}
}

func (r *Rules) limit() int64 {
	if r.MaxMessage > 0 {
		return r.MaxMessage
	}
	return math.MaxInt64
}

func badMask(r *Rules) error {
	if r.FromClient {
		return broken(CodeProtocolError, "client frame is not masked (RFC 6455, 5.1)")
	}
	return broken(CodeProtocolError, "server frame is masked (RFC 6455, 5.1)")
}

func badRSV(h Header) error {
	return broken(CodeProtocolError, "RSV bits 0b%03b on a %s frame were not agreed on (RFC 6455, 5.2)", h.RSV, h.Opcode)
}
