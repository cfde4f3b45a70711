//go:build unix

package socket

import (
	"net"
	"os"
	"syscall"
)

// Pair returns two connections: what is written to one is read from the other.
func Pair() (a, b net.Conn, err error) {
	syscall.ForkLock.RLock() // not every system can close them on exec at once
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	a, err = fromPair(fds[0])
	b, second := fromPair(fds[1])
	if err == nil {
		err = second
	}
	if err == nil {
		return a, b, nil
	}
	for _, c := range []net.Conn{a, b} {
		if c != nil {
			c.Close()
		}
	}
	return nil, nil, err
}

// fromPair makes a connection of a descriptor, which it owns.
func fromPair(fd int) (net.Conn, error) {
	f := os.NewFile(uintptr(fd), "pair")
	defer f.Close() // the connection has a duplicate
	return net.FileConn(f)
}
