//go:build unix

package handover

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"usher/proxy/leaktest"
	"usher/proxy/socket"
)

const soon = 30 * time.Second

// roleEnv has the test binary be a program that takes another's place.
const roleEnv = "USHER_TEST_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleEnv); role != "" {
		if err := play(role); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(4)
		}
		os.Exit(0)
	}
	os.Exit(leaktest.Main(m))
}

func play(role string) error {
	if role == "quits" {
		return errors.New("it quits")
	}
	if role == "reads another format" {
		format = Format{2, 3}
	}
	in, err := Receive()
	if err != nil {
		return err
	}
	switch role {
	case "reads another format":
		in.Ready()
		fmt.Fprintln(os.Stderr, "no channel")
		if in.Channel() != nil {
			return errors.New("a channel")
		}
	case "takes few":
		few := syscall.Rlimit{Cur: 40, Max: 40}
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few); err != nil {
			return err
		}
		return takeAll(in)
	case "takes parcels":
		return takeAll(in)
	case "fails":
		in.Fail(errors.New("it fails"))
	case "floods":
		for err = nil; err == nil; {
			_, err = io.WriteString(in.report, strings.Repeat("ready\n", 1000))
		}
	case "half":
		io.WriteString(in.report, "rea")
	case "takes":
		fmt.Printf("%d sockets, %t", len(in.sockets), in.Succeeds())
	case "hangs":
		time.Sleep(time.Hour)
	case "serves":
		s, ok := in.Take(os.Getenv("USHER_TEST_ADDRESS"))
		if !ok {
			return fmt.Errorf("%+v: not there", in.sockets)
		}
		in.Ready()
		c, err := s.Listener.Accept()
		if err != nil {
			return err
		}
		var will map[string]int
		in.Will(&will)
		fmt.Fprintf(c, "%s %s %v %d %s%s%d\n", s.Address, s.Name, s.Owned, len(in.sockets), os.Getenv("LISTEN_FDS"), os.Getenv(letterEnv), will["answer"])
		c.Close()
		return s.Listener.Close()
	}
	return nil
}

// start starts the test binary in a role.
func start(t *testing.T, ctx context.Context, role string, patience time.Duration, sockets ...Socket) (*Heir, error) {
	t.Helper()
	t.Setenv(roleEnv, role)
	self, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	self.Args, self.Patience = nil, patience
	return self.Start(ctx, sockets, Will{Open: map[string]int{"answer": 42}, Secret: "hush"})
}

// newTestSockets returns a TCP and a unix socket, as an usher has them.
func newTestSockets(t *testing.T) []Socket {
	t.Helper()
	tcp, err := socket.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tcp.Close() })
	path := filepath.Join(t.TempDir(), "s")
	unix, err := socket.ListenUnix(path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close() })
	return []Socket{
		{Address: "127.0.0.1:0", Name: "web", Listener: tcp},
		{Address: "unix:" + path, Owned: true, Listener: unix},
	}
}

// TestStart hands two sockets on; of each a client is served that comes to the
// queue before anybody accepts.
func TestStart(t *testing.T) {
	for i, want := range []string{"127.0.0.1:0 web false 0 42\n", "%s  true 0 42\n"} {
		sockets := newTestSockets(t)
		s := sockets[i]
		t.Setenv("USHER_TEST_ADDRESS", s.Address)
		c, err := net.Dial(s.Listener.Addr().Network(), s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		p, err := start(t, t.Context(), "serves", 0, sockets...)
		if err != nil {
			t.Fatalf("Start: %v", err)
		}
		if u, ok := s.Listener.(*socket.Unix); ok {
			u.Leave()
			want = fmt.Sprintf(want, s.Address)
		}
		s.Listener.Close()
		c.SetDeadline(time.Now().Add(soon))
		if got, err := bufio.NewReader(c).ReadString('\n'); err != nil || got != want {
			t.Errorf("socket %d: got %q, %v; want %q", i, got, err, want)
		}
		if state, err := p.Wait(); err != nil || !state.Success() {
			t.Errorf("new process: got %v, %v", state, err)
		}
		if path, ok := strings.CutPrefix(s.Address, "unix:"); ok {
			if _, err := os.Lstat(path); err == nil {
				t.Error("file of the socket: still there when its new owner has gone")
			}
		}
	}
}

func TestStartFails(t *testing.T) {
	for _, tt := range []struct {
		role     string
		patience time.Duration
		want     string
	}{
		{"fails", 0, "new process: it fails"},
		{"quits", 0, "new process: exit status 4"},
		{"hangs", 50 * time.Millisecond, "new process: it does not serve within 50ms"},
	} {
		sockets := newTestSockets(t)
		if _, err := start(t, t.Context(), tt.role, tt.patience, sockets...); err == nil || err.Error() != tt.want {
			t.Errorf("%s: got %v, want %q", tt.role, err, tt.want)
		}
		if _, err := os.Lstat(sockets[1].Listener.Addr().String()); err != nil {
			t.Errorf("%s: the file of the socket went with the new process: %v", tt.role, err)
		}
	}
}

func TestStartIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	time.AfterFunc(20*time.Millisecond, func() { cancel(why) })
	if _, err := start(t, ctx, "hangs", 0, newTestSockets(t)...); !errors.Is(err, why) {
		t.Errorf("got %v, want %v", err, why)
	}
}

func TestStartNothing(t *testing.T) {
	if _, err := (Program{Path: "/nowhere/usher"}).Start(t.Context(), nil, Will{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no program: got %v, want that there is none", err)
	}
	closed := newTestSockets(t)
	closed[0].Listener.Close()
	if _, err := start(t, t.Context(), "serves", 0, closed...); err == nil {
		t.Error("a closed socket: got nil, want an error")
	}
}

func TestListensOn(t *testing.T) {
	at := func(s string) net.Listener {
		if path, ok := strings.CutPrefix(s, "unix:"); ok {
			return &fake{&net.UnixAddr{Name: path, Net: "unix"}}
		}
		a, err := net.ResolveTCPAddr("tcp", s)
		if err != nil {
			t.Fatal(err)
		}
		return &fake{a}
	}
	for _, tt := range []struct {
		listener, address string
		want              bool
	}{
		{"127.0.0.1:80", "127.0.0.1:80", true},
		{"127.0.0.1:80", "127.0.0.1:81", false},
		{"127.0.0.1:80", "127.0.0.2:80", false},
		{"127.0.0.1:80", ":80", false},
		{"127.0.0.1:80", "[::ffff:127.0.0.1]:80", true},
		{"[::]:80", ":80", true},
		{"[::]:80", "0.0.0.0:80", true},
		{"0.0.0.0:80", ":80", true},
		{"[::1]:80", "[::1]:80", true},
		{"127.0.0.1:80", "unix:/run/a", false},
		{"unix:/run/a", "unix:/run/a", true},
		{"unix:/run/a", "unix:/run/b", false},
		{"unix:/run/a", ":80", false},
		{"127.0.0.1:80", "nonsense", false},
	} {
		if got := listensOn(at(tt.listener), tt.address); got != tt.want {
			t.Errorf("%s, %s: got %v, want %v", tt.listener, tt.address, got, tt.want)
		}
	}
}

type fake struct{ at net.Addr }

func (f *fake) Accept() (net.Conn, error) { return nil, io.EOF }
func (f *fake) Close() error              { return nil }
func (f *fake) Addr() net.Addr            { return f.at }

// TestLetterForAnother has a variable that was passed on by who got it.
func TestLetterForAnother(t *testing.T) {
	t.Setenv(letterEnv, `{"Parent": 1, "Sockets": [{"Address": ":80"}]}`)
	in, err := Receive()
	if err != nil || len(in.sockets) != 0 || in.Succeeds() {
		t.Errorf("got %+v, %v; want nothing", in, err)
	}
	if got, ok := os.LookupEnv(letterEnv); ok {
		t.Errorf("variable: got %q, want it gone", got)
	}
	if _, ok := in.Take(":80"); ok {
		t.Error("Take: got a socket, want none")
	}
}

func TestSupervisor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenPacket("unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.SetDeadline(time.Now().Add(soon))
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "20000")
	t.Setenv("WATCHDOG_PID", fmt.Sprint(os.Getpid()))
	s := NewSupervisor(nil)
	want := func(prefix string) {
		t.Helper()
		b := make([]byte, 1024)
		n, _, err := l.ReadFrom(b)
		if err != nil || !strings.HasPrefix(string(b[:n]), prefix) {
			t.Errorf("notification: got %q, %v; want %q", b[:n], err, prefix)
		}
	}
	s.Ready()
	want("READY=1")
	s.Reloading()
	want("RELOADING=1\nMONOTONIC_USEC=")
	ctx, cancel := context.WithCancel(t.Context())
	watching := make(chan struct{})
	go func() { s.Watch(ctx); close(watching) }()
	want("WATCHDOG=1")
	want("WATCHDOG=1")
	cancel()
	<-watching
	s.Stopping()
	for b := make([]byte, 64); ; {
		n, _, err := l.ReadFrom(b)
		if err != nil || string(b[:n]) == "STOPPING=1" {
			break
		}
	}
	s.Leave(7)
	want("MAINPID=7")
	s.Ready() // is not said any more
	l.SetDeadline(time.Now().Add(20 * time.Millisecond))
	if n, _, err := l.ReadFrom(make([]byte, 64)); err == nil {
		t.Errorf("behind MAINPID: got %d bytes, want silence", n)
	}
	var nobody *Supervisor
	nobody.Ready()
	nobody.Leave(7)
	nobody.Watch(t.Context())
}
