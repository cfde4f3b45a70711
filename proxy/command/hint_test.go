package command

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"usher/proxy"
)

// TestListenHint tells a port that may not be had from a file that may not be
// read: both are refused by the same error of the system.
func TestListenHint(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{&net.OpError{Op: "listen", Err: os.NewSyscallError("bind", syscall.EACCES)}, "ports below 1024"},
		{&fs.PathError{Op: "open", Path: "certs/internal/root.key", Err: syscall.EACCES}, "its owner"},
		{&net.OpError{Op: "listen", Err: os.NewSyscallError("bind", syscall.EADDRINUSE)}, "another process listens there: stop it, or change listen "},
		{fmt.Errorf("%w: %w", proxy.ErrAdmin, &net.OpError{Op: "listen", Err: os.NewSyscallError("bind", syscall.EADDRINUSE)}), "change admin "},
		{fmt.Errorf("%w: %w", proxy.ErrAdmin, &net.OpError{Op: "listen", Err: os.NewSyscallError("bind", syscall.EADDRNOTAVAIL)}), "change admin "},
		{fmt.Errorf("%w: %w", proxy.ErrFleet, &net.OpError{Op: "listen", Err: os.NewSyscallError("bind", syscall.EADDRNOTAVAIL)}), "change node.address of fleet "},
	} {
		err := withListenHint(fmt.Errorf("start: %w", tt.err))
		h, ok := err.(*hintError)
		if !ok || !strings.Contains(h.Hint, tt.want) {
			t.Errorf("%v: got %#v, want a hint with %q", tt.err, err, tt.want)
		}
	}
}
