package socket

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// askTimeout bounds the question whether anybody listens on a file.
const askTimeout = time.Second

// Unix listens on a unix socket. Close removes its file, unless Leave was
// called or the file is another one by now.
type Unix struct {
	net.Listener
	path string

	mu    sync.Mutex
	owned os.FileInfo // nil if the file is somebody else's; guarded by mu
}

// ListenUnix listens on a unix socket at path, which clients may use as mode
// says. A socket that is there already is replaced if nobody answers on it.
func ListenUnix(path string, mode fs.FileMode) (*Unix, error) {
	if err := removeStale(path); err != nil {
		return nil, &net.OpError{Op: "listen", Net: "unix", Addr: &net.UnixAddr{Name: path, Net: "unix"}, Err: err}
	}
	// The file has the mode of the socket, less the umask: from the first
	// moment on nobody may use it who must not.
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) { limitMode(fd, mode) })
	}}
	l, err := config.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	u := &Unix{path: path}
	if u.Listener, err = own(l); err != nil {
		os.Remove(path) //nolint:errcheck // there is an error to tell already
		return nil, err
	}
	if err = os.Chmod(path, mode); err == nil {
		err = u.Take()
	}
	if err != nil {
		u.Listener.Close()
		os.Remove(path) //nolint:errcheck // likewise
		return nil, err
	}
	return u, nil
}

// Take has Close remove the file that is there now.
func (u *Unix) Take() error {
	info, err := os.Lstat(u.path)
	if err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.owned = info
	return nil
}

// Owned reports whether Close removes the file.
func (u *Unix) Owned() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.owned != nil
}

// Leave has Close leave the file: somebody else listens on the socket too.
func (u *Unix) Leave() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.owned = nil
}

// Leave has the file of l, if that is a unix socket, outlive it.
func Leave(l net.Listener) {
	if unix, ok := l.(*Unix); ok {
		unix.Leave()
	}
}

// SetMode says who may use the socket.
func (u *Unix) SetMode(mode fs.FileMode) error { return os.Chmod(u.path, mode) }

// Close ends the listening.
func (u *Unix) Close() error {
	u.mu.Lock()
	owned := u.owned
	u.owned = nil
	u.mu.Unlock()
	if owned != nil {
		if now, err := os.Lstat(u.path); err == nil && os.SameFile(owned, now) {
			os.Remove(u.path) //nolint:errcheck // the next to listen there removes it
		}
	}
	return u.Listener.Close()
}

// SetDeadline sets when an Accept that waits fails, where the system's
// listeners have that.
func (u *Unix) SetDeadline(t time.Time) error {
	if l, ok := u.Listener.(interface{ SetDeadline(t time.Time) error }); ok {
		return l.SetDeadline(t)
	}
	return errors.ErrUnsupported
}

// SyscallConn gives access to the descriptor that listens.
func (u *Unix) SyscallConn() (syscall.RawConn, error) {
	return u.Listener.(syscall.Conn).SyscallConn()
}

// removeStale removes a socket that was left behind, by a process that was
// killed.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%q is there and no socket", path)
	}
	c, err := net.DialTimeout("unix", path, askTimeout)
	switch {
	case err == nil:
		c.Close()
		return syscall.EADDRINUSE
	case errors.Is(err, syscall.ECONNREFUSED):
		return os.Remove(path)
	case errors.Is(err, syscall.EAGAIN): // its queue is full
		return syscall.EADDRINUSE
	}
	return err
}
