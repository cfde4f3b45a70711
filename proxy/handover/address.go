package handover

import (
	"net"
	"strings"
)

// listensOn tells whether an address of a routes file is that of l.
func listensOn(l net.Listener, address string) bool {
	switch at := l.Addr().(type) {
	case *net.UnixAddr:
		path, unix := strings.CutPrefix(address, "unix:")
		return unix && path == at.Name
	case *net.TCPAddr:
		want, err := net.ResolveTCPAddr("tcp", address)
		if err != nil || want.Port != at.Port {
			return false
		}
		everywhere := want.IP == nil || want.IP.IsUnspecified()
		return want.IP.Equal(at.IP) || everywhere && at.IP.IsUnspecified()
	}
	return false
}
