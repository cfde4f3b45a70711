package ws

import (
	"encoding/binary"
	"math/bits"
)

// Mask masks p in place, or unmasks it (RFC 6455, 5.3). p[0] is the payload's
// byte number pos.
func Mask(p []byte, key [4]byte, pos int) {
	k32 := bits.RotateLeft32(binary.LittleEndian.Uint32(key[:]), -8*(pos&3))
	k := uint64(k32)<<32 | uint64(k32)
	for len(p) >= 32 {
		q := p[:32:32]
		binary.LittleEndian.PutUint64(q, binary.LittleEndian.Uint64(q)^k)
		binary.LittleEndian.PutUint64(q[8:], binary.LittleEndian.Uint64(q[8:])^k)
		binary.LittleEndian.PutUint64(q[16:], binary.LittleEndian.Uint64(q[16:])^k)
		binary.LittleEndian.PutUint64(q[24:], binary.LittleEndian.Uint64(q[24:])^k)
		p = p[32:]
	}
	for len(p) >= 8 {
		binary.LittleEndian.PutUint64(p, binary.LittleEndian.Uint64(p)^k)
		p = p[8:]
	}
	for i := range p {
		p[i] ^= byte(k)
		k >>= 8
	}
}

// AppendFrame appends a whole message, or control frame, of one frame. It is
// masked if key is not nil. payload may not overlap what is appended to.
func AppendFrame(dst []byte, op Opcode, payload []byte, key *[4]byte) []byte {
	h := Header{Fin: true, Opcode: op, Length: int64(len(payload))}
	if key != nil {
		h.Masked, h.Key = true, *key
	}
	dst = AppendHeader(dst, h)
	begin := len(dst)
	dst = append(dst, payload...)
	if key != nil {
		Mask(dst[begin:], *key, 0)
	}
	return dst
}
