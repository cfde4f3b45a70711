package engineio

import (
	"strconv"
	"unicode/utf8"
)

// maxDigits bounds the digits of a length: no payload has ten billion bytes.
const maxDigits = 10

// appendPayload3 writes each packet behind its length in UTF-16 code units.
func appendPayload3(dst []byte, packets []Packet) []byte {
	if len(packets) == 0 {
		return append(dst, "0:"...)
	}
	for _, p := range packets {
		if p.Binary {
			// A b, the type, and base64 with its padding.
			dst = strconv.AppendInt(dst, int64(2+(len(p.Data)+2)/3*4), 10)
		} else {
			dst = strconv.AppendInt(dst, int64(1+units(p.Data)), 10)
		}
		dst = append(dst, ':')
		dst, _ = AppendMessage(dst, V3, p, true)
	}
	return dst
}

// units counts the UTF-16 code units of a text.
func units(text []byte) int {
	n := 0
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		n += width(r)
		text = text[size:]
	}
	return n
}

// width is the number of UTF-16 code units of r.
func width(r rune) int {
	if r > 0xFFFF {
		return 2
	}
	return 1
}

func decodePayload3(body []byte, each func(Packet) error) error {
	if len(body) == 0 {
		return ErrPayload
	}
	for len(body) > 0 {
		n, head := length(body, '0', ':')
		if head == 0 {
			return ErrPayload
		}
		size, ok := textSize(body[head:], n)
		if !ok {
			return ErrPayload
		}
		packet := body[head : head+size]
		body = body[head+size:]
		if size == 0 { // "0:" is a payload without packets
			continue
		}
		if err := decodeText(V3, packet, each); err != nil {
			return err
		}
	}
	return nil
}

// length reads digits, of which zero is the byte for 0, up to end. It returns
// their value and how many bytes were read, 0 if they are not a length.
func length(p []byte, zero, end byte) (n, read int) {
	for i, c := range p {
		switch {
		case c == end && i > 0:
			return n, i + 1
		case c-zero > 9 || i == maxDigits:
			return 0, 0
		}
		n = n*10 + int(c-zero)
	}
	return 0, 0
}

// textSize returns how many bytes the first n UTF-16 code units of text have.
func textSize(text []byte, n int) (size int, ok bool) {
	if n > len(text) { // a code unit has a byte or more
		return 0, false
	}
	for n > 0 {
		r, bytes := utf8.DecodeRune(text[size:])
		n -= width(r)
		size += bytes
		if bytes == 0 || n < 0 {
			return 0, false
		}
	}
	return size, true
}

// The kinds of packets in a payload of bytes, and the end of a length.
const (
	kindText   = 0x00
	kindBinary = 0x01
	lengthEnd  = 0xFF
)

// appendOctets writes each packet behind its kind and its length in bytes.
func appendOctets(dst []byte, packets []Packet) []byte {
	for _, p := range packets {
		kind := byte(kindText)
		if p.Binary {
			kind = kindBinary
		}
		dst = append(dst, kind)
		digits := len(dst)
		dst = strconv.AppendInt(dst, int64(1+len(p.Data)), 10)
		for i := range dst[digits:] {
			dst[digits+i] -= '0'
		}
		dst = append(dst, lengthEnd)
		dst, _ = AppendMessage(dst, V3, p, false)
	}
	return dst
}

func decodeOctets(body []byte, each func(Packet) error) error {
	for len(body) > 0 {
		kind := body[0]
		n, head := length(body[1:], 0, lengthEnd)
		body = body[1+head:]
		if kind > kindBinary || head == 0 || n > len(body) {
			return ErrPayload
		}
		packet := body[:n]
		body = body[n:]
		if kind == kindText {
			if err := decodeText(V3, packet, each); err != nil {
				return err
			}
			continue
		}
		p, err := parseBinary3(packet)
		if err != nil {
			return err
		}
		if err := each(p); err != nil {
			return err
		}
	}
	return nil
}
