//go:build unix && (!linux || portable)

package relay

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"usher/proxy/socket"
)

// prepare needs to do nothing: Go's descriptors do not block.
func prepare(syscall.RawConn) error { return nil }

func recv(fd uintptr, p []byte) (int, error) {
	for {
		n, err := unix.Read(int(fd), p)
		if err != unix.EINTR {
			return n, outcome("read", err)
		}
	}
}

func send(fd uintptr, p []byte) (int, error) {
	for {
		n, err := unix.Write(int(fd), p)
		if err != unix.EINTR {
			return n, outcome("write", err)
		}
	}
}

// isReadable tells whether a read of fd would not block.
func isReadable(fd uintptr) bool { return poll(fd, unix.POLLIN) }

// isWritable tells whether a write to fd would not block.
func isWritable(fd uintptr) bool { return poll(fd, unix.POLLOUT) }

func poll(fd uintptr, what int16) bool {
	fds := [1]unix.PollFd{{Fd: int32(fd), Events: what}}
	n, err := unix.Poll(fds[:], 0)
	return n > 0 || err != nil && err != unix.EINTR
}

func outcome(call string, err error) error {
	if errors.Is(err, unix.EAGAIN) {
		return socket.ErrNothing
	}
	return os.NewSyscallError(call, err)
}
