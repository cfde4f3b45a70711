package ws

import "fmt"

// ProtocolError says which rule the bytes of a peer broke, and the close code
// that tells it so.
type ProtocolError struct {
	Code Code
	Rule string // fit for a log line, and for the reason of a Close frame
}

func (e *ProtocolError) Error() string { return e.Rule }

func broken(c Code, format string, args ...any) error {
	return &ProtocolError{Code: c, Rule: fmt.Sprintf(format, args...)}
}
