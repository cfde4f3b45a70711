package relay

import (
	"errors"
	"fmt"
	"net"
)

// ErrClosed is what Adopt gives as the detail of a session that came after
// Close.
var ErrClosed = errors.New("the relay is shut down")

func errNoSocket(c net.Conn) error {
	return fmt.Errorf("%T has no socket that a loop could take over", c)
}
