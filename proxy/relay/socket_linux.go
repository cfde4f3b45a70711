//go:build linux && !portable

package relay

import (
	"io"
	"net"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"usher/proxy/socket"
)

// rawSocket is a descriptor of our own: Go's poller does not know it.
type rawSocket struct {
	fd int
}

var noSocket = rawSocket{-1}

func (s rawSocket) descriptor() int { return s.fd }

func socketOf(descriptor int) rawSocket { return rawSocket{descriptor} }

// detacher is a connection that hands its descriptor out. It is closed then.
type detacher interface{ Detach() (fd int, err error) }

// takeSocket makes a rawSocket of c and closes c, whatever comes of it.
func takeSocket(c net.Conn) (rawSocket, error) {
	if d, ok := c.(detacher); ok {
		fd, err := d.Detach()
		if err != nil {
			return noSocket, err
		}
		return rawSocket{fd}, nil
	}
	defer c.Close()
	sc, ok := c.(syscall.Conn)
	if !ok {
		return noSocket, errNoSocket(c)
	}
	fd, err := socket.Duplicate(sc) // which leaves Go's poller when c is closed
	if err != nil {
		return noSocket, err
	}
	return rawSocket{fd}, nil
}

// read reads what is there: io.EOF at the end, socket.ErrNothing if it would block.
//
// The raw system calls here and below do not tell Go's scheduler: on a
// descriptor that never blocks it would only cost time.
func (s rawSocket) read(p []byte) (int, error) {
	for {
		n, _, e := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(s.fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), 0, 0, 0)
		switch {
		case e == unix.EINTR:
		case e == unix.EAGAIN:
			return 0, socket.ErrNothing
		case e != 0:
			return 0, os.NewSyscallError("read", e)
		case n == 0 && len(p) > 0:
			return 0, io.EOF
		default:
			return int(n), nil
		}
	}
}

// write writes what the socket takes; n < len(p) only with an error, which is
// socket.ErrNothing if the rest would block.
func (s rawSocket) write(p []byte) (n int, err error) {
	for n < len(p) {
		k, _, e := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(&p[n])), uintptr(len(p)-n), unix.MSG_NOSIGNAL, 0, 0)
		switch {
		case e == unix.EINTR:
		case e == unix.EAGAIN:
			return n, socket.ErrNothing
		case e != 0:
			return n, os.NewSyscallError("write", e)
		case n+int(k) < len(p):
			return n + int(k), socket.ErrNothing
		default:
			return len(p), nil
		}
	}
	return n, nil
}

// shutdown ends the output: the peer reads the end of file.
func (s rawSocket) shutdown() { _ = unix.Shutdown(s.fd, unix.SHUT_WR) } // fails only if the peer has gone

// close closes s. The kernel takes a closed descriptor off every poller.
func (s rawSocket) close() {
	if s.fd >= 0 {
		_, _, _ = unix.RawSyscall(unix.SYS_CLOSE, uintptr(s.fd), 0, 0)
	}
}
