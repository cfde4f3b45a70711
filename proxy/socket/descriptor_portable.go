//go:build !linux || portable

package socket

import (
	"errors"
	"net"
)

// Movable says that connections are Go's, which no other process can have.
const Movable = false

// Descriptor returns none.
func Descriptor(net.Conn) (fd int, ok bool) { return -1, false }

// OfDescriptor makes none.
func OfDescriptor(int, string, net.Addr) (net.Conn, error) { return nil, errors.ErrUnsupported }
