package engineio

import (
	"bytes"
	"errors"
	"unicode/utf8"
)

// separator stands between the packets of a payload of revision 4.
const separator = 0x1E

// ErrPayload says that the framing of a payload of revision 3 is broken.
var ErrPayload = errors.New("engine.io payload has a wrong length before a packet")

// ErrOctets says that a client posts bytes, which revision 4 does not know.
var ErrOctets = errors.New("engine.io 4 payload must be text")

// AppendPayload appends the body of a polling answer that carries the packets,
// and tells whether it is made of bytes (application/octet-stream), which
// happens in revision 3 if a packet is binary and b64 was not asked for.
func AppendPayload(dst []byte, v Version, packets []Packet, b64 bool) (out []byte, binary bool) {
	if v == V4 {
		return appendPayload4(dst, packets), false
	}
	if !b64 && hasBinary(packets) {
		return appendOctets(dst, packets), true
	}
	return appendPayload3(dst, packets), false
}

func appendPayload4(dst []byte, packets []Packet) []byte {
	for i, p := range packets {
		if i > 0 {
			dst = append(dst, separator)
		}
		dst, _ = AppendMessage(dst, V4, p, true)
	}
	return dst
}

func hasBinary(packets []Packet) bool {
	for _, p := range packets {
		if p.Binary {
			return true
		}
	}
	return false
}

// DecodePayload calls each for the packets of a polling request's body, in
// order, until one is broken or each returns an error. Octets says that the
// body's type is application/octet-stream. The Data of a packet is part of
// body, unless it was base64.
//
// What is before a broken packet has been passed to each: a body is read once
// and nothing of it is kept, however many packets it claims to have.
func DecodePayload(v Version, body []byte, octets bool, each func(Packet) error) error {
	switch {
	case v == V4 && octets:
		return ErrOctets
	case v == V4:
		return decodePayload4(body, each)
	case octets:
		return decodeOctets(body, each)
	}
	return decodePayload3(body, each)
}

func decodePayload4(body []byte, each func(Packet) error) error {
	for more := true; more; {
		var packet []byte
		packet, body, more = bytes.Cut(body, []byte{separator})
		if err := decodeText(V4, packet, each); err != nil {
			return err
		}
	}
	return nil
}

// decodeText reads a packet of text and passes it on.
func decodeText(v Version, packet []byte, each func(Packet) error) error {
	p, err := parseText(v, packet)
	if err != nil {
		return err
	}
	if !p.Binary && !utf8.Valid(p.Data) {
		return ErrText
	}
	return each(p)
}
