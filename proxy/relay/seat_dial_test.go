//go:build unix

package relay

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// listenAt returns a listener and its address.
func listenAt(t *testing.T, address string) (net.Listener, netip.AddrPort) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, l.Addr().(*net.TCPAddr).AddrPort()
}

// awaitConnected turns the loop until v has heard how a dial ended.
func (h *harness) awaitConnected(v *visitor, s *Seat) error {
	h.t.Helper()
	for until := time.Now().Add(20 * time.Second); len(v.connected) == 0; h.move() {
		if time.Now().After(until) {
			h.t.Fatal("got no end of a dial in 20 s")
		}
	}
	if err := v.connected[0]; err != nil && !s.is(vacated) {
		h.t.Errorf("got %v and a seat that is not over", err)
	}
	return v.connected[0]
}

func TestDial(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(address, func(t *testing.T) {
			l, to := listenAt(t, address)
			h, v := newHarness(t), &visitor{}
			host, _ := h.newSeat(&visitor{})
			s, connected, err := host.Dial(to, v)
			if err != nil {
				t.Fatal(err)
			}
			if !portable && !connected {
				t.Error("got a dial on loopback that was not over at once")
			}
			if !connected {
				if err := h.awaitConnected(v, s); err != nil {
					t.Fatal(err)
				}
			}
			s.Write([]byte("hello"))
			c, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if s.RemoteAddr().String() != to.String() || s.LocalAddr().String() != c.RemoteAddr().String() {
				t.Errorf("got addresses %v and %v, want %v and %v", s.LocalAddr(), s.RemoteAddr(), c.RemoteAddr(), to)
			}
			c.SetDeadline(time.Now().Add(10 * time.Second))
			if err := wantRead(c, []byte("hello")); err != nil {
				t.Error(err)
			}
			c.Write([]byte("hi"))
			h.step()
			v.wantGot(t, "the answer", "hi")
			wantNoDelay(t, s)
			if h.loop.seats.Load() != 1 {
				t.Error("got the dialled one counted as a client")
			}
			host.Close()
			s.Close()
		})
	}
}

func wantNoDelay(t *testing.T, s *Seat) {
	t.Helper()
	c, err := s.Leave()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return // of package socket, which has no other
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) {
		if on, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NODELAY); on == 0 || err != nil {
			t.Errorf("got TCP_NODELAY %d (%v), want it on", on, err)
		}
	})
}

// dialError returns what a dial ends with that must fail.
func (h *harness) dialError(to netip.AddrPort) error {
	h.t.Helper()
	v := &visitor{}
	host, _ := h.newSeat(&visitor{})
	defer host.Close()
	s, connected, err := host.Dial(to, v)
	if err != nil {
		return err
	}
	if connected {
		h.t.Error("got a connection")
		s.Close()
		return nil
	}
	return h.awaitConnected(v, s)
}

func TestDialRefused(t *testing.T) {
	l, to := listenAt(t, "127.0.0.1:0")
	l.Close()
	if err := newHarness(t).dialError(to); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("got %v, want %v", err, unix.ECONNREFUSED)
	}
}

func TestDialOfNoAddress(t *testing.T) {
	if portable {
		t.Skip("package net takes them all")
	}
	for _, to := range []netip.AddrPort{{}, netip.MustParseAddrPort("0.0.0.0:80"), netip.MustParseAddrPort("[fe80::1%eth0]:80")} {
		if err := newHarness(t).dialError(to); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%v: got %v, want %v", to, err, errors.ErrUnsupported)
		}
	}
}

// fullListener listens where no connection comes through until room is called.
func fullListener(t *testing.T) (to netip.AddrPort, room func()) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	unix.CloseOnExec(fd)
	t.Cleanup(func() { unix.Close(fd) })
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	at, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	to = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(at.(*unix.SockaddrInet4).Port))
	for range 10 {
		c, err := net.DialTimeout("tcp", to.String(), 100*time.Millisecond)
		if err != nil {
			return to, func() {
				if waiting, _, err := unix.Accept(fd); err == nil {
					unix.Close(waiting)
				}
			}
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Skip("the system takes any number of connections")
	return to, nil
}

// A dial that takes its time is told when it is over, or given up.
func TestDialThatTakesLong(t *testing.T) {
	to, room := fullListener(t)
	h, v, hasty := newHarness(t), &visitor{}, &visitor{}
	host, _ := h.newSeat(&visitor{})
	given, connected, err := host.Dial(to, hasty)
	if connected || err != nil {
		t.Fatalf("got %t, %v, want it under way", connected, err)
	}
	s, connected, err := given.Dial(to, v)
	if connected || err != nil {
		t.Fatalf("got %t, %v, want it under way", connected, err)
	}
	s.Wake(time.Second)
	h.advance(time.Second)
	if v.due != 1 || len(v.connected) != 0 {
		t.Fatalf("got %d alarms and connections %v, want an alarm", v.due, v.connected)
	}
	if _, err := s.Leave(); err == nil {
		t.Error("got a seat left that is not connected")
	}
	s.Write([]byte("not yet"))
	given.Close()
	room()
	if err := h.awaitConnected(v, s); err != nil {
		t.Fatal(err)
	}
	if len(hasty.connected) != 0 {
		t.Errorf("got %v of a dial that was given up", hasty.connected)
	}
	s.Close()
	host.Close()
}

// A dial that is under way when the loop ends is told so.
func TestDialWhenTheLoopEnds(t *testing.T) {
	to, _ := fullListener(t)
	h, v := newHarness(t), &visitor{}
	host, _ := h.newSeat(&visitor{on: func(call string, s *Seat, _ []byte) {
		if call == "lost" {
			if _, _, err := s.Dial(to, v); !errors.Is(err, ErrClosed) {
				t.Errorf("got %v from a loop that has ended", err)
			}
		}
	}})
	if _, _, err := host.Dial(to, v); err != nil {
		t.Fatal(err)
	}
	h.loop.ended = true
	h.loop.evict()
	if len(v.connected) != 1 || !errors.Is(v.connected[0], ErrClosed) {
		t.Errorf("got %v, want %v", v.connected, ErrClosed)
	}
}
