//go:build linux && !portable

package socket

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
)

// The functions here are for event loops: they neither block nor wait, and the
// descriptors, which are nobody else's, do not block.

// NewConn makes a connection of a descriptor, which it owns. A local address
// that is nil is asked for when it is wanted.
func NewConn(fd int, network string, local, remote net.Addr) *Conn {
	return &Conn{fd: fd, network: network, local: local, remote: remote}
}

// Accept takes the next client of a listening descriptor: syscall.EAGAIN if
// there is none. Its address is the zero value if it has none.
func Accept(listening int) (fd int, from netip.AddrPort, err error) {
	return accept(uintptr(listening))
}

// Connect begins to dial an address and returns whether it is connected
// already. If not, Connected tells when the descriptor is ready to be written
// to. An address that needs more than the kernel is errors.ErrUnsupported.
func Connect(to netip.AddrPort) (fd int, connected bool, err error) {
	if !to.IsValid() || to.Addr().Zone() != "" || to.Addr().IsUnspecified() {
		return -1, false, errors.ErrUnsupported
	}
	fd, err = open(sockaddrOf(to))
	if err != nil {
		return -1, false, err
	}
	if connected, err = Connected(fd, to); err != nil {
		closeFD(fd) //nolint:errcheck // there is an error to tell already
		return -1, false, err
	}
	return fd, connected, nil
}

// Connected tells whether the descriptor of Connect is connected, or why it
// never will be.
func Connected(fd int, to netip.AddrPort) (bool, error) {
	done, err := sockaddrOf(to).ask(uintptr(fd))
	switch {
	case err != nil:
		return false, os.NewSyscallError("connect", err)
	case done && isSelf(fd, to):
		return false, errSelf
	}
	return done, nil
}

// LocalAddr returns the address of this end of a TCP connection.
func LocalAddr(fd int) net.Addr { return net.TCPAddrFromAddrPort(localAddrPort(fd)) }

// Duplicate returns a descriptor of the same socket that Go's poller does not
// know. File and Fd would change the blocking mode of both.
func Duplicate(of syscall.Conn) (fd int, err error) {
	raw, err := of.SyscallConn()
	if err != nil {
		return -1, err
	}
	fd = -1
	var e syscall.Errno
	err = raw.Control(func(old uintptr) {
		var n uintptr
		if n, _, e = syscall.RawSyscall(syscall.SYS_FCNTL, old, syscall.F_DUPFD_CLOEXEC, 0); e == 0 {
			fd = int(n)
		}
	})
	if err == nil && e != 0 {
		err = os.NewSyscallError("dup", e)
	}
	return fd, err
}
