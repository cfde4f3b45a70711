//go:build unix

package socket

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
)

// Share returns a descriptor of the socket that l listens on, for another
// process. The queue of clients is one, whoever accepts.
func Share(l net.Listener) (*os.File, error) {
	sc, ok := l.(syscall.Conn)
	if !ok {
		return nil, fmt.Errorf("%T has no descriptor", l)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	controlErr := raw.Control(func(old uintptr) {
		syscall.ForkLock.RLock()
		defer syscall.ForkLock.RUnlock()
		if fd, err = syscall.Dup(int(old)); err == nil {
			syscall.CloseOnExec(fd)
		}
	})
	if err = errors.Join(controlErr, os.NewSyscallError("dup", err)); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "listener"), nil // stays as it is: it does not block
}

// Inherit listens on a stream socket that another process has opened, TCP or
// unix. It closes f. The file of a unix socket is somebody else's.
func Inherit(f *os.File) (net.Listener, error) {
	defer f.Close()
	l, err := net.FileListener(f)
	if err != nil {
		return nil, err
	}
	if err := wantListening(l); err != nil {
		l.Close()
		return nil, err
	}
	switch at := l.Addr().(type) {
	case *net.UnixAddr:
		l.(*net.UnixListener).SetUnlinkOnClose(false)
		if !strings.HasPrefix(at.Name, "/") {
			l.Close()
			return nil, fmt.Errorf("unix socket %q has no absolute path", at.Name)
		}
		u := &Unix{path: at.Name}
		u.Listener, err = own(l)
		return u, err
	case *net.TCPAddr:
		raw, err := l.(syscall.Conn).SyscallConn()
		if err == nil {
			err = prepare("", "", raw)
		}
		if err != nil {
			l.Close()
			return nil, err
		}
		return own(l)
	}
	l.Close()
	return nil, fmt.Errorf("a socket of network %q is neither tcp nor unix", l.Addr().Network())
}

// limitMode sets the mode of a socket that has no file yet, where the system
// can: elsewhere the umask has to do until the mode of the file is set.
func limitMode(fd uintptr, mode fs.FileMode) {
	syscall.Fchmod(int(fd), uint32(mode.Perm())) //nolint:errcheck // as said
}

// wantListening returns an error if l does not listen: a connection is a stream
// socket as well, but nobody would ever come out of it.
func wantListening(l net.Listener) error {
	raw, err := l.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	var listens int
	controlErr := raw.Control(func(fd uintptr) {
		listens, err = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN)
	})
	if err = errors.Join(controlErr, os.NewSyscallError("getsockopt", err)); err == nil && listens == 0 {
		err = errors.New("it does not listen")
	}
	return err
}
