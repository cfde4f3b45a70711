//go:build linux && !portable

package relay

import (
	"net"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"usher/proxy/socket"
)

// A process that has no descriptors left comes back to its clients when it has.
func TestListenOutOfDescriptors(t *testing.T) {
	const n = 40
	g, a := newTestGroup(t), newHall()
	l, _ := newListening(t, g, a)
	fds, top := make([]int, n), 0
	for i := range fds {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		fds[i], top = fd, max(top, fd)
	}
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	restore := func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
			t.Fatal(err)
		}
	}
	defer restore()
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: uint64(top + 5), Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	to := l.Addr().(*net.TCPAddr)
	for _, fd := range fds {
		if err := unix.Connect(fd, &unix.SockaddrInet4{Port: to.Port, Addr: [4]byte(to.IP.To4())}); err != nil {
			t.Fatal(err)
		}
	}
	for a.troubles.Load() < 2 {
		unix.Nanosleep(&unix.Timespec{Nsec: 1e6}, nil)
	}
	if got := a.accepted.Load(); got == n || len(a.failed) != 0 {
		t.Errorf("got %d accepted, %d failures, want some to wait", got, len(a.failed))
	}
	restore()
	wantSoon(t, "accepted", a.accepted.Load, n)
}

// Trouble is waited for a little longer each time.
func TestTroubleBacksOff(t *testing.T) {
	h, a := newHarness(t), newHall()
	g := &Group{loops: []*loop{h.loop}, listenings: make(map[*Listening]struct{})}
	l, err := socket.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	at, err := g.Listen(l, a)
	if err != nil {
		t.Fatal(err)
	}
	h.step()
	d := at.entrance.doors[0]
	for want := firstDelay; want <= 2*lastDelay; want *= 2 {
		h.loop.now = h.now
		d.refuse(syscall.ENFILE)
		if d.open {
			t.Fatal("got an open door in trouble")
		}
		if got := h.advanceToTimer(); got != min(want, lastDelay) || !d.open {
			t.Errorf("got a delay of %v, open %t, want %v", got, d.open, min(want, lastDelay))
		}
	}
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	h.step()
	if a.accepted.Load() != 1 || d.delay != 0 {
		t.Errorf("got %d accepted, a delay of %v, want 1 and none", a.accepted.Load(), d.delay)
	}
	d.refuse(syscall.ENFILE)
	done := make(chan struct{})
	go func() { at.Close(); close(done) }()
	for over := false; !over; h.move() {
		select {
		case <-done:
			over = true
		default:
		}
	}
	if h.advance(time.Minute); d.open || d.alarm.index >= 0 {
		t.Error("got a door that opens when the listening is over")
	}
}

// A listener that listens no more is told once.
func TestListenFails(t *testing.T) {
	g, a := newTestGroup(t), newHall()
	l, at := newListening(t, g, a)
	raw, err := l.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) { err = unix.Shutdown(int(fd), unix.SHUT_RDWR) })
	if err != nil {
		t.Fatal(err)
	}
	<-a.failed
	at.Close()
	if len(a.failed) != 0 || a.troubles.Load() != 0 {
		t.Errorf("got %d more failures, %d troubles, want none", len(a.failed), a.troubles.Load())
	}
}
