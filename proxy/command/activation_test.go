//go:build unix

package command_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// manager is what systemd is to a service: it opens the sockets, and is told.
type manager struct {
	notify net.PacketConn
	env    []string
	files  []*os.File // of the sockets, from descriptor 3 on
}

func newTestManager(t *testing.T, sockets ...net.Listener) *manager {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	notify, err := net.ListenPacket("unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { notify.Close() })
	m := &manager{notify: notify}
	var names []string
	for i, s := range sockets {
		f, err := s.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		m.files, names = append(m.files, f), append(names, fmt.Sprintf("web-%d.socket", i))
	}
	m.env = append(os.Environ(), "NOTIFY_SOCKET="+path, fmt.Sprintf("LISTEN_FDS=%d", len(sockets)), "LISTEN_FDNAMES="+strings.Join(names, ":"))
	return m
}

// command is a program with the sockets. Who starts a program knows its pid, and
// exec keeps it.
func (m *manager) command(program string, args ...string) *exec.Cmd {
	const script = `export LISTEN_PID=$$ WATCHDOG_PID=$$ WATCHDOG_USEC=50000; exec "$@"`
	cmd := exec.Command("sh", append([]string{"-c", script, "sh", program}, args...)...)
	cmd.Env, cmd.ExtraFiles = m.env, m.files
	return cmd
}

// wantTold waits for a notification, whatever others come before.
func (m *manager) wantTold(t *testing.T, prefix string) string {
	t.Helper()
	m.notify.SetReadDeadline(time.Now().Add(6 * patience))
	for b := make([]byte, 4096); ; {
		n, _, err := m.notify.ReadFrom(b)
		if err != nil {
			t.Fatalf("notification %q: %v", prefix, err)
		}
		if got := string(b[:n]); strings.HasPrefix(got, prefix) {
			return got
		}
	}
}

// TestActivation is the life of a service: started with sockets, reloaded,
// upgraded and stopped.
func TestActivation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "usher.sock")
	unix, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	unix.(*net.UnixListener).SetUnlinkOnClose(false)
	defer unix.Close()
	tcp := newTestUpstream(t)
	m := newTestManager(t, tcp, unix)
	text := upgradeRoutes(fmt.Sprintf("['%s', 'unix:%s']", tcp.Addr(), path), newEchoUpstream(t).URL)
	early, err := net.Dial("unix", path) // comes before there is a service
	if err != nil {
		t.Fatal(err)
	}
	g := startTestGenerations(t, text, m.command)
	m.wantTold(t, "READY=1")
	for _, line := range []int{1, 2} {
		if name, want := g.wantLines(t, "listening", line)["inherited"], fmt.Sprintf("web-%d.socket", line-1); name != want {
			t.Errorf("socket %d: got inherited %v, want %s", line, name, want)
		}
	}
	tcp.Close() // systemd keeps its own descriptor, but need not for this
	d := &websocket.Dialer{NetDial: func(string, string) (net.Conn, error) { return early, nil }, HandshakeTimeout: patience}
	held, err := echo(d, "app.test")
	if err != nil {
		t.Fatalf("client that came first: %v", err)
	}
	defer held.Close()

	syscall.Kill(g.pid, syscall.SIGHUP)
	m.wantTold(t, "RELOADING=1\nMONOTONIC_USEC=")
	m.wantTold(t, "READY=1")
	m.wantTold(t, "WATCHDOG=1")

	g.upgrade(t, 1)
	if got, want := m.wantTold(t, "MAINPID="), fmt.Sprintf("MAINPID=%d", g.pid); got != want {
		t.Errorf("notification: got %q, want %q", got, want)
	}
	wantStill(t, held)
	g.wantLines(t, "stopped", 1)
	m.wantTold(t, "WATCHDOG=1") // of the new process
	c, err := echo(websocket.DefaultDialer, tcp.Addr().String())
	if err != nil {
		t.Fatalf("new process: %v", err)
	}
	c.Close()
	g.wantEnd(t)
	m.wantTold(t, "STOPPING=1")
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("file of systemd's socket: %v, want it left alone", err)
	}
}

// TestActivationMismatch has a socket that the routes file knows nothing of.
func TestActivationMismatch(t *testing.T) {
	l := newTestUpstream(t)
	file := filepath.Join(t.TempDir(), "routes.yaml")
	if err := os.WriteFile(file, []byte(routes(l)), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := newTestManager(t, l).command(usher, "run", "--routes", file).CombinedOutput()
	want := fmt.Sprintf(`usher: socket "web-0.socket" of the service manager listens on %s, but nothing in the routes file does: add it to listen`, l.Addr())
	if err == nil || !strings.Contains(string(out), want) {
		t.Errorf("got %v and %q, want %q", err, out, want)
	}
}
