// Package ws is the wire of RFC 6455: frame headers, masks, Close payloads,
// and the Checker that lets a relay pass frames on unchanged without ever
// being a raw pipe. It works on bytes and state only; it does no I/O, and
// nothing on its hot path allocates.
package ws

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Opcode says what a frame is (RFC 6455, 5.2).
type Opcode byte

// The opcodes of RFC 6455; all others are reserved.
const (
	Continuation Opcode = 0x0
	Text         Opcode = 0x1
	Binary       Opcode = 0x2
	Close        Opcode = 0x8
	Ping         Opcode = 0x9
	Pong         Opcode = 0xA
)

// Control tells whether o is of a control frame.
func (o Opcode) Control() bool { return o&0x8 != 0 }

// String returns the opcode's name, or its number if it is reserved.
func (o Opcode) String() string {
	switch o {
	case Continuation:
		return "continuation"
	case Text:
		return "text"
	case Binary:
		return "binary"
	case Close:
		return "close"
	case Ping:
		return "ping"
	case Pong:
		return "pong"
	}
	return fmt.Sprintf("opcode 0x%X", byte(o))
}

func (o Opcode) reserved() bool { return o > Pong || o > Binary && o < Close }

// The bits of Header.RSV.
const (
	RSV1 byte = 4 // permessage-deflate: this message is compressed (RFC 7692, 6)
	RSV2 byte = 2
	RSV3 byte = 1
)

// Sizes in bytes.
const (
	MaxHeader         = 14
	MaxControlPayload = 125
	MaxControlFrame   = 2 + 4 + MaxControlPayload
)

// Header is the header of a frame.
type Header struct {
	Fin    bool
	RSV    byte // RSV1 to RSV3
	Opcode Opcode
	Masked bool
	Key    [4]byte // zero unless Masked
	Length int64   // of the payload
}

// Size returns the number of bytes of the header on the wire.
func (h Header) Size() int {
	n := 2
	switch {
	case h.Length > math.MaxUint16:
		n += 8
	case h.Length > 125:
		n += 2
	}
	if h.Masked {
		n += 4
	}
	return n
}

// The second byte of a header.
const (
	maskBit  = 0x80
	length16 = 126
	length64 = 127
)

// ParseHeader reads the header that p begins with and returns its size.
// When p ends before the header does, n is 0 and err is nil, unless what is
// there already breaks a rule; likewise for what may be ErrAnswer. It refuses
// what no header may be, whoever sent it: err is then a *ProtocolError. Masks,
// RSV bits and the order of frames are the Checker's.
func ParseHeader(p []byte) (h Header, n int, err error) {
	if len(p) == 0 {
		return h, 0, nil
	}
	h.Fin = p[0]&0x80 != 0
	h.RSV = p[0] >> 4 & 7
	h.Opcode = Opcode(p[0] & 0xF)
	if h.Opcode > Binary && !h.Fin || h.Opcode.reserved() {
		return h, 0, badBegin(h, p)
	}
	if len(p) < 2 {
		return h, 0, nil
	}
	h.Masked = p[1]&maskBit != 0
	h.Length = int64(p[1] &^ maskBit)
	n = 2
	if h.Length >= length16 {
		if n, err = h.parseLength(p); n == 0 {
			return h, 0, err
		}
	}
	if h.Masked {
		if len(p) < n+4 {
			return h, 0, nil
		}
		h.Key = [4]byte(p[n:])
		n += 4
	}
	return h, n, nil
}

// parseLength reads an extended length and returns the size of the header up
// to there.
func (h *Header) parseLength(p []byte) (int, error) {
	if h.Opcode.Control() {
		return 0, broken(CodeProtocolError, "control frame is longer than 125 bytes (RFC 6455, 5.5)")
	}
	if h.Length == length16 {
		if len(p) < 4 {
			return 0, nil
		}
		if h.Length = int64(binary.BigEndian.Uint16(p[2:])); h.Length < length16 {
			return 0, broken(CodeProtocolError, "length %d is not in its shortest form (RFC 6455, 5.2)", h.Length)
		}
		return 4, nil
	}
	if len(p) < 10 {
		return 0, nil
	}
	length := binary.BigEndian.Uint64(p[2:])
	if length > math.MaxInt64 {
		return 0, broken(CodeProtocolError, "length 0x%x has its highest bit set (RFC 6455, 5.2)", length)
	}
	if h.Length = int64(length); h.Length <= math.MaxUint16 {
		return 0, broken(CodeProtocolError, "length %d is not in its shortest form (RFC 6455, 5.2)", h.Length)
	}
	return 10, nil
}

// badBegin says what is wrong with an opcode, or nil if more bytes tell.
func badBegin(h Header, p []byte) error {
	const answer = "HTTP/1."
	switch n := min(len(p), len(answer)); {
	case string(p[:n]) != answer[:n]:
		return badOpcode(h)
	case n < len(answer):
		return nil
	}
	return ErrAnswer
}

func badOpcode(h Header) error {
	if h.Opcode.reserved() {
		return broken(CodeProtocolError, "opcode 0x%X is reserved (RFC 6455, 5.2)", byte(h.Opcode))
	}
	return broken(CodeProtocolError, "%s frame is fragmented (RFC 6455, 5.5)", h.Opcode)
}

// AppendHeader appends h in its shortest form. Whether h may be sent is the
// caller's business.
func AppendHeader(dst []byte, h Header) []byte {
	b0 := h.RSV&7<<4 | byte(h.Opcode)&0xF
	if h.Fin {
		b0 |= 0x80
	}
	var b1 byte
	if h.Masked {
		b1 = maskBit
	}
	switch {
	case h.Length < length16:
		dst = append(dst, b0, b1|byte(h.Length))
	case h.Length <= math.MaxUint16:
		dst = append(dst, b0, b1|length16, byte(h.Length>>8), byte(h.Length))
	default:
		dst = append(dst, b0, b1|length64)
		dst = binary.BigEndian.AppendUint64(dst, uint64(h.Length))
	}
	if h.Masked {
		dst = append(dst, h.Key[:]...)
	}
	return dst
}
