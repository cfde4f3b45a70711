package socket

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// newTestPair returns both ends of a connection over a loopback address.
func newTestPair(t *testing.T, address string) (dialled, accepted net.Conn) {
	t.Helper()
	l, err := Listen(address)
	if err != nil {
		t.Skipf("listen on %s: %v", address, err)
	}
	defer l.Close()
	dialled, err = Dial(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatalf("Dial: %v", err)
	}
	t.Cleanup(func() { dialled.Close() })
	accepted, err = l.Accept()
	if err != nil {
		t.Fatalf("Accept: %v", err)
	}
	t.Cleanup(func() { accepted.Close() })
	return dialled, accepted
}

func wantRead(t *testing.T, c net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
		t.Errorf("read: got %q and error %v, want %q", got, err, want)
	}
}

func TestConnection(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", "localhost:0", ":0"} {
		t.Run(address, func(t *testing.T) {
			a, b := newTestPair(t, address)
			if got, want := a.LocalAddr().String(), b.RemoteAddr().String(); got != want {
				t.Errorf("LocalAddr: got %s, want the other's RemoteAddr %s", got, want)
			}
			if got, want := b.LocalAddr().String(), a.RemoteAddr().String(); address != ":0" && got != want {
				t.Errorf("accepted LocalAddr: got %s, want the other's RemoteAddr %s", got, want)
			}
			io.WriteString(a, "there")
			wantRead(t, b, "there")
			time.AfterFunc(10*time.Millisecond, func() { io.WriteString(b, "and back") })
			wantRead(t, a, "and back") // waits
			if err := a.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
				t.Errorf("CloseWrite: got %v, want nil", err)
			}
			if n, err := b.Read(make([]byte, 1)); n != 0 || err != io.EOF {
				t.Errorf("read behind the end: got %d and %v, want io.EOF", n, err)
			}
			if n, err := b.Read(nil); n != 0 || err != nil {
				t.Errorf("read of nothing: got %d and %v, want 0 and nil", n, err)
			}
		})
	}
}

func TestWriteWaitsForRoom(t *testing.T) {
	a, b := newTestPair(t, "127.0.0.1:0")
	sent := bytes.Repeat([]byte("0123456789"), 1<<20)
	var got []byte
	done := make(chan error, 1)
	go func() {
		var err error
		got, err = io.ReadAll(b)
		done <- err
	}()
	if n, err := a.Write(sent); n != len(sent) || err != nil {
		t.Fatalf("Write: got %d and %v, want %d and nil", n, err, len(sent))
	}
	a.Close()
	if err := <-done; err != nil || !bytes.Equal(got, sent) {
		t.Errorf("got %d bytes and error %v, want the %d that were sent", len(got), err, len(sent))
	}
}

func TestDeadlines(t *testing.T) {
	past := time.Unix(1, 0)
	for _, c := range []struct {
		name string
		wait func(c net.Conn) error
	}{
		{"of a read to come", func(c net.Conn) error { c.SetReadDeadline(past); return read(c) }},
		{"of both, to come", func(c net.Conn) error { c.SetDeadline(time.Now().Add(10 * time.Millisecond)); return read(c) }},
		{"of a read under way", func(c net.Conn) error {
			time.AfterFunc(10*time.Millisecond, func() { c.SetReadDeadline(past) })
			return read(c)
		}},
		{"of a write under way", func(c net.Conn) error {
			time.AfterFunc(10*time.Millisecond, func() { c.SetWriteDeadline(past) })
			_, err := c.Write(make([]byte, 64<<20))
			return err
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := newTestPair(t, "127.0.0.1:0")
			err := c.wait(a)
			if ne, ok := err.(net.Error); !ok || !ne.Timeout() || !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("got %v, want a timeout", err)
			}
			a.SetDeadline(time.Time{})
			io.WriteString(b, "on")
			wantRead(t, a, "on")
		})
	}
}

func read(c net.Conn) error {
	_, err := c.Read(make([]byte, 1))
	return err
}

func TestCloseEndsWaits(t *testing.T) {
	a, _ := newTestPair(t, "127.0.0.1:0")
	time.AfterFunc(10*time.Millisecond, func() { a.Close() })
	if err := read(a); !errors.Is(err, net.ErrClosed) {
		t.Errorf("read that waits: got %v, want net.ErrClosed", err)
	}
	if err := read(a); !errors.Is(err, net.ErrClosed) {
		t.Errorf("read: got %v, want net.ErrClosed", err)
	}
	if err := a.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("second Close: got %v, want net.ErrClosed", err)
	}
	if err := a.SetDeadline(time.Now()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("SetDeadline: got %v, want net.ErrClosed", err)
	}
}

func TestListenerCloseEndsAccept(t *testing.T) {
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(10*time.Millisecond, func() { l.Close() })
	if c, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept: got %v and %v, want net.ErrClosed", c, err)
	}
}

func TestDialFails(t *testing.T) {
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	if _, err := Dial(t.Context(), "tcp", address); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("nobody listens: got %v, want ECONNREFUSED", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Dial(gone, "tcp", address); !errors.Is(err, context.Canceled) && err.(*net.OpError).Err.Error() != "operation was canceled" {
		t.Errorf("cancelled: got %v, want context.Canceled", err)
	}
	if _, err := Dial(t.Context(), "tcp", "127.0.0.1"); err == nil {
		t.Error("without a port: got nil, want an error")
	}
}

func TestDialUnix(t *testing.T) {
	path := t.TempDir() + "/s"
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Skip(err)
	}
	defer l.Close()
	c, err := Dial(t.Context(), "unix", path)
	if err != nil {
		t.Fatalf("Dial: %v", err)
	}
	c.Close()
}
