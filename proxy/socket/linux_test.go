//go:build linux && !portable

package socket

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"usher/proxy/leaktest"
)

func TestDetach(t *testing.T) {
	for _, polled := range []bool{false, true} {
		a, b := newTestPair(t, "127.0.0.1:0")
		if polled {
			b.SetReadDeadline(time.Now().Add(time.Millisecond))
			read(b)
		}
		if got := b.(*Conn).file != nil; got != polled {
			t.Fatalf("in Go's poller: got %v, want %v", got, polled)
		}
		fd, err := b.(*Conn).Detach()
		if err != nil {
			t.Fatalf("Detach: %v", err)
		}
		defer syscall.Close(fd)
		if n, err := syscall.Read(fd, make([]byte, 1)); !errors.Is(err, syscall.EAGAIN) {
			t.Errorf("read: got %d and %v, want EAGAIN", n, err)
		}
		if _, err := syscall.Write(fd, []byte("still there")); err != nil {
			t.Errorf("write: %v", err)
		}
		wantRead(t, a, "still there")
		if _, err := b.(*Conn).Detach(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("second Detach: got %v, want net.ErrClosed", err)
		}
	}
}

func TestAcceptedOptions(t *testing.T) {
	_, c := newTestPair(t, "127.0.0.1:0")
	for _, o := range []struct{ level, name, want int }{
		{syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1},
		{syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
		{syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, keepIdle},
	} {
		got, err := syscall.GetsockoptInt(c.(*Conn).fd, o.level, o.name)
		if err != nil || got != o.want {
			t.Errorf("option %d of level %d: got %d and %v, want %d", o.name, o.level, got, err, o.want)
		}
	}
}

// A listener whose queue is full lets no connection come about.
func TestDialWaits(t *testing.T) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	address := localAddrPort(fd).String()
	first, err := Dial(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()

	late, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = Dial(late, "tcp", address)
	if ne, ok := errors.AsType[net.Error](err); !ok || !ne.Timeout() {
		t.Errorf("queue is full: got %v, want a timeout", err)
	}
	gone, leave := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, leave)
	if _, err = Dial(gone, "tcp", address); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled while it waits: got %v, want context.Canceled", err)
	}
}

func TestSockaddr(t *testing.T) {
	for _, text := range []string{"127.0.0.1:1", "192.0.2.7:65535", "[2001:db8::1]:258"} {
		want := netip.MustParseAddrPort(text)
		if got := sockaddrOf(want).addrPort(); got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

// The descriptor's number may be another's as soon as it is closed.
func TestConcurrentUse(t *testing.T) {
	for range 50 {
		a, b := newTestPair(t, "127.0.0.1:0")
		var users sync.WaitGroup
		users.Go(func() { io.Copy(io.Discard, a) })
		users.Go(func() {
			for {
				if _, err := a.Write([]byte("x")); err != nil {
					return
				}
			}
		})
		users.Go(func() { a.SetDeadline(time.Now().Add(time.Minute)) })
		users.Go(func() {
			io.ReadFull(b, make([]byte, 100))
			a.Close()
		})
		users.Wait()
		if err := read(a); !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v, want net.ErrClosed", err)
		}
	}
}

func TestMain(m *testing.M) { os.Exit(leaktest.Main(m)) }

// A port of a loopback address may be chosen for both ends.
func TestConnectedToItself(t *testing.T) {
	fd, err := open(sockaddrOf(netip.MustParseAddrPort("127.0.0.1:1")))
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if done, err := Connected(fd, localAddrPort(fd)); done || !errors.Is(err, errSelf) {
		t.Errorf("got %t, %v, want %v", done, err, errSelf)
	}
}
