//go:build unix

package socket

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
)

func newTestUnix(t *testing.T, path string) *Unix {
	t.Helper()
	l, err := ListenUnix(path, 0o660)
	if err != nil {
		t.Fatalf("ListenUnix: %v", err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// wantServed wants l to accept who connects to path, and bytes to pass.
func wantServed(t *testing.T, l net.Listener, path string) {
	t.Helper()
	a, err := Dial(t.Context(), "unix", path)
	if err != nil {
		t.Fatalf("Dial: %v", err)
	}
	defer a.Close()
	b, err := l.Accept()
	if err != nil {
		t.Fatalf("Accept: %v", err)
	}
	defer b.Close()
	io.WriteString(a, "there")
	wantRead(t, b, "there")
	if got := b.LocalAddr().String(); got != path {
		t.Errorf("LocalAddr: got %q, want %q", got, path)
	}
	if got := b.RemoteAddr().Network(); got != "unix" {
		t.Errorf("RemoteAddr: got network %q, want unix", got)
	}
}

func wantFile(t *testing.T, path string, want bool) {
	t.Helper()
	if _, err := os.Lstat(path); (err == nil) != want {
		t.Errorf("file of the socket: got %v, want it there: %v", err, want)
	}
}

func TestUnix(t *testing.T) {
	path := t.TempDir() + "/s"
	l := newTestUnix(t, path)
	wantServed(t, l, path)
	if info, err := os.Lstat(path); err != nil || info.Mode() != fs.ModeSocket|0o660 {
		t.Errorf("mode: got %v, %v; want 0660", info.Mode(), err)
	}
	if err := l.SetMode(0o600); err != nil {
		t.Errorf("SetMode: %v", err)
	}
	if info, err := os.Lstat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode: got %v, %v; want 0600", info.Mode(), err)
	}
	if err := l.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	wantFile(t, path, false)
	if c, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept: got %v and %v, want net.ErrClosed", c, err)
	}
}

// TestUnixFileThere has all that can be in the place of a socket.
func TestUnixFileThere(t *testing.T) {
	path := t.TempDir() + "/s"
	alive := newTestUnix(t, path)
	if l, err := ListenUnix(path, 0o660); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("somebody answers: got %v and %v, want EADDRINUSE", l, err)
	}
	if asked, err := alive.Accept(); err == nil {
		asked.Close()
	}
	wantServed(t, alive, path)
	alive.Leave()
	alive.Close()
	wantFile(t, path, true)
	stale := newTestUnix(t, path)
	wantServed(t, stale, path)
	stale.Close()

	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err := ListenUnix(path, 0o660); err == nil || !strings.Contains(err.Error(), "is there and no socket") {
		t.Errorf("a file: got %v and %v, want an error", l, err)
	}
	wantFile(t, path, true)
}

// TestUnixFileReplaced must not remove what another process has put there.
func TestUnixFileReplaced(t *testing.T) {
	path := t.TempDir() + "/s"
	l := newTestUnix(t, path)
	os.Remove(path)
	other := newTestUnix(t, path)
	l.Close()
	wantServed(t, other, path)
}

func TestInherit(t *testing.T) {
	path := t.TempDir() + "/s"
	unix := newTestUnix(t, path)
	tcp, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	for _, l := range []net.Listener{unix, tcp} {
		f, err := Share(l)
		if err != nil {
			t.Fatalf("Share: %v", err)
		}
		next, err := Inherit(f)
		if err != nil {
			t.Fatalf("Inherit: %v", err)
		}
		defer next.Close()
		if got, want := next.Addr().String(), l.Addr().String(); got != want {
			t.Errorf("Addr: got %s, want %s", got, want)
		}
		if u, ok := l.(*Unix); ok {
			u.Leave()
		}
		l.Close()
		c, err := Dial(t.Context(), next.Addr().Network(), next.Addr().String())
		if err != nil {
			t.Fatalf("Dial: got %v, want that the socket is open still", err)
		}
		defer c.Close()
		accepted, err := next.Accept()
		if err != nil {
			t.Fatalf("Accept: %v", err)
		}
		accepted.Close()
	}
}

func TestInheritedFileIsLeft(t *testing.T) {
	path := t.TempDir() + "/s"
	for _, take := range []bool{false, true} {
		f, err := Share(newTestUnix(t, path))
		if err != nil {
			t.Fatal(err)
		}
		l, err := Inherit(f)
		if err != nil {
			t.Fatal(err)
		}
		u := l.(*Unix)
		if take {
			if err := u.Take(); err != nil {
				t.Fatal(err)
			}
		}
		if got := u.Owned(); got != take {
			t.Errorf("Owned: got %v, want %v", got, take)
		}
		u.Close()
		wantFile(t, path, !take)
		os.Remove(path)
	}
}

func TestInheritOther(t *testing.T) {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	f, err := c.(*net.UDPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	if l, err := Inherit(f); err == nil {
		t.Errorf("a socket of datagrams: got %v, want an error", l)
	}
}
