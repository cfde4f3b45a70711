package ws

import (
	"encoding/binary"
	"unicode/utf8"
)

// Code is the status code of a Close frame (RFC 6455, 7.4).
type Code uint16

// The codes below 3000 that have a meaning. CodeNoStatus, CodeAbnormal and
// CodeTLS name what happened without a Close frame and never stand in one.
const (
	CodeNormal           Code = 1000
	CodeGoingAway        Code = 1001
	CodeProtocolError    Code = 1002
	CodeUnsupported      Code = 1003
	CodeNoStatus         Code = 1005
	CodeAbnormal         Code = 1006
	CodeBadPayload       Code = 1007
	CodePolicy           Code = 1008
	CodeTooBig           Code = 1009
	CodeMissingExtension Code = 1010
	CodeInternal         Code = 1011
	CodeRestart          Code = 1012 // 1012 to 1014: IANA, WebSocket Close Code Number Registry
	CodeTryAgain         Code = 1013
	CodeBadGateway       Code = 1014
	CodeTLS              Code = 1015
)

// OnWire tells whether c may stand in a Close frame.
func (c Code) OnWire() bool {
	switch {
	case c >= 3000 && c <= 4999:
		return true
	case c == 1004 || c == CodeNoStatus || c == CodeAbnormal:
		return false
	}
	return c >= CodeNormal && c <= CodeBadGateway
}

// maxReason is what a control frame leaves for the reason behind the code.
const maxReason = MaxControlPayload - 2

// AppendClose appends the payload of a Close frame. The reason is cut at a
// rune boundary where it is too long; what is not UTF-8 in it is replaced.
// Code 0 is no code and no reason: it appends nothing. A code that may not
// stand in a Close frame is a fault of the caller's.
func AppendClose(dst []byte, c Code, reason string) []byte {
	if c == 0 {
		return dst
	}
	if !c.OnWire() {
		panic("ws: close code that may not be sent")
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(c))
	size := 0
	for _, r := range reason {
		if size += utf8.RuneLen(r); size > maxReason {
			break
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}

// ParseClose reads the unmasked payload of a Close frame. An empty one has
// code 0. err is a *ProtocolError.
func ParseClose(payload []byte) (c Code, reason string, err error) {
	if err := checkClose(payload); err != nil {
		return 0, "", err
	}
	if len(payload) == 0 {
		return 0, "", nil
	}
	return Code(binary.BigEndian.Uint16(payload)), string(payload[2:]), nil
}

func checkClose(payload []byte) error {
	switch len(payload) {
	case 0:
		return nil
	case 1:
		return broken(CodeProtocolError, "close frame has half a code (RFC 6455, 5.5.1)")
	}
	if c := Code(binary.BigEndian.Uint16(payload)); !c.OnWire() {
		return broken(CodeProtocolError, "close code %d may not be sent (RFC 6455, 7.4)", uint16(c))
	}
	if !utf8.Valid(payload[2:]) {
		return broken(CodeBadPayload, "reason of the close frame is not UTF-8 (RFC 6455, 5.5.1)")
	}
	return nil
}
