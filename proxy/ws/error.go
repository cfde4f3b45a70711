package ws

import (
	"errors"
	"fmt"
)

// ProtocolError says which rule the bytes of a peer broke, and the close code
// that tells it so.
type ProtocolError struct {
	Code Code
	Rule string // fit for a log line, and for the reason of a Close frame
}

func (e *ProtocolError) Error() string { return e.Rule }

// ErrAnswer means that an HTTP answer stands where a frame should begin, which
// no frame looks like. Servers of Engine.IO send one behind their own 101 to
// clients whose version they do not support.
var ErrAnswer error = &ProtocolError{CodeProtocolError, "HTTP answer in place of a frame"}

// Blame returns the close code and the reason that tell a peer of err, for
// which what it sent was refused.
func Blame(err error) (Code, string) {
	if broke, ok := errors.AsType[*ProtocolError](err); ok {
		return broke.Code, broke.Rule
	}
	return CodeProtocolError, err.Error()
}

func broken(c Code, format string, args ...any) error {
	return &ProtocolError{Code: c, Rule: fmt.Sprintf(format, args...)}
}
