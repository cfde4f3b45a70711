//go:build linux && !portable

package socket

import "net"

// Movable says that connections have a descriptor which another process can
// have.
const Movable = true

// Descriptor returns the descriptor of a connection, which stays the
// connection's. It is ok if another process can have it.
func Descriptor(of net.Conn) (fd int, ok bool) {
	c, ok := of.(*Conn)
	if !ok {
		return -1, false
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	fd = c.fd
	if c.file != nil && c.raw.Control(func(of uintptr) { fd = int(of) }) != nil {
		return -1, false
	}
	return fd, fd >= 0
}

// OfDescriptor makes a connection of a descriptor that another process has had,
// and owns it.
func OfDescriptor(fd int, network string, remote net.Addr) (net.Conn, error) {
	return NewConn(fd, network, nil, remote), nil
}
