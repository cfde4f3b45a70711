//go:build !linux || portable

package socket

import (
	"context"
	"net"
	"syscall"
)

// Listen listens on a TCP address.
func Listen(address string) (net.Listener, error) { return net.Listen("tcp", address) }

func own(l net.Listener) (net.Listener, error) { return l, nil }

func prepare(string, string, syscall.RawConn) error { return nil }

// Dial connects to an address of network tcp or unix.
func Dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{KeepAlive: -1}
	return d.DialContext(ctx, network, address)
}
