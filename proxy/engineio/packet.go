// Package engineio is the wire of Engine.IO, revisions 3 and 4: packets as
// WebSocket messages and as polling payloads, JSONP, the open packet, and what
// a request's query and an error's body say. It works on bytes and state only;
// it does no I/O.
package engineio

import (
	"encoding/base64"
	"errors"
	"fmt"
)

// Version is the revision of the protocol, the EIO of a request's query.
type Version uint8

// The revisions that clients speak: V3 carries Socket.IO's protocol 4 (clients
// 1.x and 2.x), V4 its protocol 5 (clients 3.x and 4.x).
const (
	V3 Version = 3
	V4 Version = 4
)

// PacketType is the character that begins a packet.
type PacketType byte

// The types of packets.
const (
	Open    PacketType = '0'
	Close   PacketType = '1'
	Ping    PacketType = '2'
	Pong    PacketType = '3'
	Message PacketType = '4'
	Upgrade PacketType = '5'
	Noop    PacketType = '6'
)

// Packet is an Engine.IO packet.
type Packet struct {
	Type   PacketType
	Binary bool   // a Message of bytes instead of text
	Data   []byte // behind the type; of a binary Message, its content
}

// The ways in which a packet breaks the protocol.
var (
	ErrEmpty  = errors.New("engine.io packet is empty")
	ErrBase64 = errors.New("engine.io packet is not base64 behind its b")
	ErrText   = errors.New("engine.io packet is not UTF-8")
)

// TypeError says that a packet begins with what is no type.
type TypeError struct{ Type byte }

func (e *TypeError) Error() string {
	return fmt.Sprintf("engine.io packet type %q is not 0 to 6", e.Type)
}

// ParseMessage reads the packet in a WebSocket message. The packet's Data is
// part of payload, unless it was base64. Text is taken to be UTF-8, which the
// WebSocket layer has checked.
func ParseMessage(v Version, binaryFrame bool, payload []byte) (Packet, error) {
	if !binaryFrame {
		return parseText(v, payload)
	}
	if v == V4 {
		return Packet{Type: Message, Binary: true, Data: payload}, nil
	}
	return parseBinary3(payload)
}

// parseBinary3 reads a packet of bytes of revision 3, which begins with its
// type as a number.
func parseBinary3(p []byte) (Packet, error) {
	if len(p) == 0 {
		return Packet{}, ErrEmpty
	}
	if p[0] > byte(Noop-Open) {
		return Packet{}, &TypeError{p[0]}
	}
	return Packet{Type: Open + PacketType(p[0]), Binary: true, Data: p[1:]}, nil
}

func parseText(v Version, p []byte) (Packet, error) {
	if len(p) == 0 {
		return Packet{}, ErrEmpty
	}
	if p[0] == 'b' {
		return parseBase64(v, p[1:])
	}
	if err := checkType(p[0]); err != nil {
		return Packet{}, err
	}
	return Packet{Type: PacketType(p[0]), Data: p[1:]}, nil
}

// parseBase64 reads what stands behind a b: in revision 4 the content of a
// Message, in revision 3 a type and the content.
func parseBase64(v Version, p []byte) (Packet, error) {
	t := Message
	if v == V3 {
		if len(p) == 0 {
			return Packet{}, ErrEmpty
		}
		if err := checkType(p[0]); err != nil {
			return Packet{}, err
		}
		t, p = PacketType(p[0]), p[1:]
	}
	data, err := decodeBase64(p)
	if err != nil {
		return Packet{}, err
	}
	return Packet{Type: t, Binary: true, Data: data}, nil
}

// decodeBase64 takes the standard alphabet, with its padding or without.
func decodeBase64(p []byte) ([]byte, error) {
	for range 2 {
		if len(p) > 0 && p[len(p)-1] == '=' {
			p = p[:len(p)-1]
		}
	}
	data := make([]byte, base64.RawStdEncoding.DecodedLen(len(p)))
	n, err := base64.RawStdEncoding.Decode(data, p)
	if err != nil {
		return nil, ErrBase64
	}
	return data[:n], nil
}

func checkType(c byte) error {
	if c < byte(Open) || c > byte(Noop) {
		return &TypeError{c}
	}
	return nil
}

// AppendMessage appends the payload of the one WebSocket message that carries
// p, and tells whether it must be a binary one. With b64 it never is.
func AppendMessage(dst []byte, v Version, p Packet, b64 bool) (out []byte, binaryFrame bool) {
	switch {
	case !p.Binary:
		dst = append(dst, byte(p.Type))
		return append(dst, p.Data...), false
	case b64:
		return appendBase64(dst, v, p), false
	case v == V3:
		dst = append(dst, byte(p.Type-Open))
	}
	return append(dst, p.Data...), true
}

func appendBase64(dst []byte, v Version, p Packet) []byte {
	dst = append(dst, 'b')
	if v == V3 {
		dst = append(dst, byte(p.Type))
	}
	return base64.StdEncoding.AppendEncode(dst, p.Data)
}
