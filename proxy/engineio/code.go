package engineio

import "strconv"

// Code is the number of an error in the answer to a request.
type Code uint8

// The errors of the protocol.
const (
	TransportUnknown   Code = 0
	SIDUnknown         Code = 1
	BadMethod          Code = 2 // of a handshake
	BadRequest         Code = 3
	Forbidden          Code = 4
	UnsupportedVersion Code = 5
)

// Message returns the text that the reference implementation sends with c.
func (c Code) Message() string {
	switch c {
	case TransportUnknown:
		return "Transport unknown"
	case SIDUnknown:
		return "Session ID unknown"
	case BadMethod:
		return "Bad handshake method"
	case BadRequest:
		return "Bad request"
	case Forbidden:
		return "Forbidden"
	case UnsupportedVersion:
		return "Unsupported protocol version"
	}
	return ""
}

// Status returns the status of the answer to a plain HTTP request; a WebSocket
// handshake is always answered 400.
func (c Code) Status() int {
	if c == Forbidden {
		return 403
	}
	return 400
}

// AppendError appends the body of the answer to a plain HTTP request. If
// message is empty, it is the code's own.
func AppendError(dst []byte, c Code, message string) []byte {
	if message == "" {
		message = c.Message()
	}
	dst = append(dst, `{"code":`...)
	dst = strconv.AppendUint(dst, uint64(c), 10)
	dst = append(dst, `,"message":`...)
	dst = appendString(dst, []byte(message))
	return append(dst, '}')
}

// CodeOf returns the code whose message a server of any generation has given,
// Forbidden if the text is of its application.
func CodeOf(message string) Code {
	for c := TransportUnknown; c <= UnsupportedVersion; c++ {
		if message == c.Message() {
			return c
		}
	}
	return Forbidden
}
