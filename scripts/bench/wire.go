//go:build linux

package main

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
)

// The opcodes the bench meets.
const (
	opContinuation = 0
	opText         = 1
	opBinary       = 2
	opClose        = 8
	opPing         = 9
	opPong         = 10
)

const maxHeader = 14

// frameHeader is the little that both ends of the bench need to know of a frame.
type frameHeader struct {
	fin    bool
	rsv    bool
	op     byte
	masked bool
	key    [4]byte
	length int
}

// parseHeader reads a frame header; it returns size 0 when p is too short for one.
func parseHeader(p []byte) (h frameHeader, size int) {
	if len(p) < 2 {
		return h, 0
	}
	h = frameHeader{fin: p[0]&0x80 != 0, rsv: p[0]&0x70 != 0, op: p[0] & 0x0f, masked: p[1]&0x80 != 0, length: int(p[1] & 0x7f)}
	size = 2
	switch h.length {
	case 126:
		size = 4
	case 127:
		size = 10
	}
	end := size
	if h.masked {
		end += 4
	}
	if len(p) < end {
		return h, 0
	}
	switch size {
	case 4:
		h.length = int(binary.BigEndian.Uint16(p[2:]))
	case 10:
		h.length = int(binary.BigEndian.Uint64(p[2:]))
	}
	if h.masked {
		copy(h.key[:], p[size:])
	}
	return h, end
}

// appendHeader appends the header of a frame; key is nil for an unmasked one.
func appendHeader(dst []byte, first byte, length int, key *[4]byte) []byte {
	mask := byte(0)
	if key != nil {
		mask = 0x80
	}
	switch {
	case length < 126:
		dst = append(dst, first, mask|byte(length))
	case length < 1<<16:
		dst = append(dst, first, mask|126)
		dst = binary.BigEndian.AppendUint16(dst, uint16(length))
	default:
		dst = append(dst, first, mask|127)
		dst = binary.BigEndian.AppendUint64(dst, uint64(length))
	}
	if key != nil {
		dst = append(dst, key[:]...)
	}
	return dst
}

// appendFrame appends a whole final frame.
func appendFrame(dst []byte, op byte, payload []byte, key *[4]byte) []byte {
	dst = appendHeader(dst, 0x80|op, len(payload), key)
	start := len(dst)
	dst = append(dst, payload...)
	if key != nil {
		mask(dst[start:], *key)
	}
	return dst
}

// mask applies key to p, whose first byte is the first of a payload.
func mask(p []byte, key [4]byte) {
	k := uint64(binary.LittleEndian.Uint32(key[:]))
	k |= k << 32
	for len(p) >= 32 {
		a, b := binary.LittleEndian.Uint64(p), binary.LittleEndian.Uint64(p[8:])
		c, d := binary.LittleEndian.Uint64(p[16:]), binary.LittleEndian.Uint64(p[24:])
		binary.LittleEndian.PutUint64(p, a^k)
		binary.LittleEndian.PutUint64(p[8:], b^k)
		binary.LittleEndian.PutUint64(p[16:], c^k)
		binary.LittleEndian.PutUint64(p[24:], d^k)
		p = p[32:]
	}
	for i := range p {
		p[i] ^= key[i&3]
	}
}

// acceptKey is what a server must answer to a Sec-WebSocket-Key (RFC 6455, 4.2.2).
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}
