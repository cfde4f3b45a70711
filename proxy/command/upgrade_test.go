//go:build unix

package command_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"usher/proxy/admin"
)

// newEchoUpstream sends back each message. Every third client waits for its
// handshake.
func newEchoUpstream(t *testing.T) *httptest.Server {
	t.Helper()
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1)%3 == 0 {
			time.Sleep(150 * time.Millisecond)
		}
		echoMessages(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// echo opens a WebSocket, sends a message and wants it back.
func echo(d *websocket.Dialer, address string) (*websocket.Conn, error) {
	scheme := "ws://"
	if d.TLSClientConfig != nil {
		scheme = "wss://"
	}
	c, _, err := d.Dial(scheme+address+"/ws", nil)
	if err != nil {
		return nil, err
	}
	c.SetReadDeadline(time.Now().Add(6 * patience))
	if err := c.WriteMessage(websocket.TextMessage, []byte("hello")); err != nil {
		return c, err
	}
	_, p, err := c.ReadMessage()
	if err == nil && string(p) != "hello" {
		err = fmt.Errorf("echo: got %q", p)
	}
	return c, err
}

// wantStill fails unless an upgrade has left c as it was.
func wantStill(t *testing.T, c *websocket.Conn) {
	t.Helper()
	if err := c.WriteMessage(websocket.TextMessage, []byte("still here")); err != nil {
		t.Error(err)
		return
	}
	if _, p, err := c.ReadMessage(); err != nil || string(p) != "still here" {
		t.Errorf("socket that was open: got %q, %v", p, err)
	}
}

func wantRestart(t *testing.T, c *websocket.Conn) {
	t.Helper()
	_, _, err := c.ReadMessage()
	if closed, ok := errors.AsType[*websocket.CloseError](err); !ok || closed.Code != websocket.CloseServiceRestart {
		t.Errorf("socket of the old process: got %v, want close code 1012", err)
	}
}

func upgradeRoutes(listen, upstream string) string {
	return fmt.Sprintf("listen: %s\ndrain: {over: 200ms, deadline: 30s}\nupstreams: {main: %q}\nroutes: [{upstream: main}]\n", listen, upstream)
}

// TestUpgradeRefusesNobody opens 200 sockets a second while usher takes its own
// place ten times.
func TestUpgradeRefusesNobody(t *testing.T) {
	g := newTestGenerations(t, upgradeRoutes("127.0.0.1:0", newEchoUpstream(t).URL))
	address := g.wantLines(t, "listening", 1)["address"].(string)
	stop, opened, failed := make(chan struct{}), atomic.Int64{}, atomic.Int64{}
	var clients sync.WaitGroup
	// Some are slow: their connection is there before the upgrade, and what they
	// ask for comes behind it.
	slow := &websocket.Dialer{HandshakeTimeout: 6 * patience, NetDial: func(network, address string) (net.Conn, error) {
		c, err := net.Dial(network, address)
		time.Sleep(20 * time.Millisecond)
		return c, err
	}}
	dialers := []*websocket.Dialer{{HandshakeTimeout: 6 * patience}, slow}
	clients.Go(func() {
		tick := time.NewTicker(time.Second / 200)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			clients.Go(func() {
				c, err := echo(dialers[n%2], address)
				if c != nil {
					defer c.Close()
				}
				opened.Add(1)
				if err != nil {
					failed.Add(1)
					t.Errorf("handshake %d: %v", opened.Load(), err)
				}
			})
		}
	})
	for n := 1; n <= 10 && failed.Load() == 0; n++ {
		held, err := echo(websocket.DefaultDialer, address)
		if err != nil {
			t.Fatal(err)
		}
		g.upgrade(t, n)
		wantStill(t, held)
		held.Close()
	}
	close(stop)
	clients.Wait()
	t.Logf("%d handshakes, %d failed", opened.Load(), failed.Load())
	g.wantLines(t, "stopped", 10)
}

// TestUpgradeTakesTheNewFiles has another routes file and another program when
// it is upgraded, and a socket with a file.
func TestUpgradeTakesTheNewFiles(t *testing.T) {
	up := newEchoUpstream(t)
	path := filepath.Join(t.TempDir(), "s")
	g := newTestGenerations(t, upgradeRoutes("[127.0.0.1:0, 'unix:"+path+"']", up.URL))
	g.wantLines(t, "listening", 2)
	other := path + "2"
	g.writeRoutes(t, upgradeRoutes("['unix:"+path+"', 'unix:"+other+"']", up.URL))
	if err := os.Rename(g.program, g.program+".old"); err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("#!/bin/sh\necho new program >&2\nexec %q \"$@\"\n", g.program+".old")
	if err := os.WriteFile(g.program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	g.upgrade(t, 1)
	g.wantLines(t, "new program", 1)
	g.wantLines(t, "stopped", 1)
	for _, p := range []string{path, other} {
		c, err := echo(unixDialer(p), "app.test")
		if err != nil {
			t.Fatalf("%s: %v, want that the new process serves it", p, err)
		}
		c.Close()
	}
	g.wantEnd(t)
	for _, p := range []string{path, other} {
		if _, err := os.Lstat(p); err == nil {
			t.Errorf("%s: still there at the end", p)
		}
	}
}

// TestUpgradeThatFails leaves the old process serving, and its files in place.
func TestUpgradeThatFails(t *testing.T) {
	up := newEchoUpstream(t)
	path := filepath.Join(t.TempDir(), "s")
	text := upgradeRoutes("'unix:"+path+"'", up.URL)
	g := newTestGenerations(t, text)
	held, err := echo(unixDialer(path), "app.test")
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	busy := newEchoUpstream(t).Listener.Addr().String()
	program := func(text string) func() {
		return func() {
			os.Remove(g.program)
			if err := os.WriteFile(g.program, []byte(text), 0o700); err != nil {
				t.Fatal(err)
			}
		}
	}
	for n, tt := range []struct {
		change func()
		want   string
	}{
		{func() { g.writeRoutes(t, "nonsense: 1\n"+text) }, `routes.yaml:1:1: unknown key "nonsense"`},
		{func() { g.writeRoutes(t, upgradeRoutes("['unix:"+path+"', '"+busy+"']", up.URL)) }, "address already in use"},
		{func() { g.writeRoutes(t, upgradeRoutes("'"+busy+"'", up.URL)) }, "address already in use"},
		{func() { os.Remove(g.routes) }, "no routes file"},
		{program("not a program"), "exec format error"},
		{program("#!/bin/sh\nexit 3\n"), "exit status 3"},
		{program("#!/bin/sh\nexit 0\n"), "it ended at once"},
		{func() { os.Remove(g.program) }, "no such file or directory"},
	} {
		tt.change()
		syscall.Kill(g.pid, syscall.SIGUSR2)
		line := g.wantLines(t, "upgrade failed, this process goes on", n+1)
		if got := line["error"].(string); !strings.Contains(got, tt.want) {
			t.Errorf("error: got %q, want %q in it", got, tt.want)
		}
		c, err := echo(unixDialer(path), "app.test")
		if err != nil {
			t.Fatalf("%s: %v, want that the old process serves", tt.want, err)
		}
		c.Close()
	}
	wantStill(t, held)
}

func unixDialer(path string) *websocket.Dialer {
	return &websocket.Dialer{HandshakeTimeout: 6 * patience, NetDial: func(string, string) (net.Conn, error) { return net.Dial("unix", path) }}
}

// TestUpgradeTLS has both processes use one folder of certificates.
func TestUpgradeTLS(t *testing.T) {
	text := "tls: {internal: true}\n" + upgradeRoutes("{address: '127.0.0.1:0', tls: true}", newEchoUpstream(t).URL)
	g := newTestGenerations(t, text)
	address := g.wantLines(t, "listening", 1)["address"].(string)
	roots := x509.NewCertPool()
	pem, err := os.ReadFile(filepath.Join(filepath.Dir(g.routes), "certs", "internal", "root.crt"))
	if err != nil || !roots.AppendCertsFromPEM(pem) {
		t.Fatalf("root: %v", err)
	}
	d := &websocket.Dialer{TLSClientConfig: &tls.Config{RootCAs: roots}, HandshakeTimeout: 6 * patience}
	old := &websocket.Dialer{TLSClientConfig: &tls.Config{RootCAs: roots, MaxVersion: tls.VersionTLS12}, HandshakeTimeout: 6 * patience}
	for n := 1; n <= 2; n++ {
		held, err := echo(d, address)
		if err != nil {
			t.Fatal(err)
		}
		stays, err := echo(old, address)
		if err != nil {
			t.Fatal(err)
		}
		g.upgrade(t, n)
		next, err := echo(d, address)
		if err != nil {
			t.Fatalf("new process: %v", err)
		}
		wantRestart(t, stays)
		wantStill(t, held)
		held.Close()
		stays.Close()
		next.Close()
	}
}

// TestUpgradeVerb upgrades by the operators' address, which is handed on too.
func TestUpgradeVerb(t *testing.T) {
	up := newEchoUpstream(t)
	for _, admin := range []string{"unix:" + filepath.Join(t.TempDir(), "admin"), "127.0.0.1:0"} {
		token := "0123456789abcdef"
		text := fmt.Sprintf("admin: {address: '%s', token: %s}\n%s", admin, token, upgradeRoutes("127.0.0.1:0", up.URL))
		g := newTestGenerations(t, text)
		address := g.wantLines(t, "operators' address", 1)["address"].(string)
		// The port that it has got is not in the file that usher serves.
		file := filepath.Join(t.TempDir(), "routes.yaml")
		if err := os.WriteFile(file, []byte(strings.Replace(text, admin, address, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		verb := func() (string, error) {
			out, err := exec.Command(usher, "upgrade", "--routes", file).CombinedOutput()
			return string(out), err
		}
		for n := 1; n <= 2; n++ {
			out, err := verb()
			if err != nil {
				t.Fatalf("usher upgrade: %v: %s", err, out)
			}
			g.pid = int(g.wantLines(t, "upgrade: the new process serves", n)["pid"].(float64))
			if want := fmt.Sprintf("process %d serves; 0 sessions moved in ", g.pid); !strings.HasPrefix(out, want) || strings.Contains(out, "drains") {
				t.Errorf("stdout: got %q, want %q", out, want)
			}
			g.wantLines(t, "stopped", n)
		}
		g.writeRoutes(t, "nonsense: 1\n"+text)
		if out, err := verb(); err == nil || !strings.Contains(out, `usher: new process: `) || !strings.Contains(out, `unknown key "nonsense"`) {
			t.Errorf("bad file: got %v and %q, want exit status 1 and why", err, out)
		}
		g.wantEnd(t)
		if out, err := verb(); err == nil || !strings.Contains(out, "usher: nobody answers at "+address) || !strings.Contains(out, "hint: is usher running") {
			t.Errorf("nobody there: got %v and %q, want a hint", err, out)
		}
	}
}

// TestUpgradeKeepsDrains upgrades where an operator has drained something: it
// stays so until the operator enables it, or the file does not have it any more.
func TestUpgradeKeepsDrains(t *testing.T) {
	up := newEchoUpstream(t)
	text := fmt.Sprintf(`listen: 127.0.0.1:0
admin: 'unix:%s'
upstreams: {main: %s, gone: %[2]s}
routes: [{path: /gone, upstream: gone}, {upstream: main}]
`, filepath.Join(t.TempDir(), "admin"), up.URL)
	g := newTestGenerations(t, text)
	address := g.wantLines(t, "listening", 1)["address"].(string)
	do := func(args ...string) string {
		t.Helper()
		out, err := exec.Command(usher, append(args, "--routes", g.routes)...).CombinedOutput()
		if err != nil {
			t.Fatalf("usher %q: %v: %s", args, err, out)
		}
		return string(out)
	}
	do("drain", "--endpoint", up.URL, "--upstream", "main")
	do("drain", "--upstream", "gone")
	g.upgrade(t, 1)
	g.wantLines(t, "stopped", 1)
	var status struct{ Drained []admin.Target }
	if err := json.Unmarshal([]byte(do("status", "--json")), &status); err != nil {
		t.Fatal(err)
	}
	if want := []admin.Target{{Upstream: "main", Endpoint: up.URL}, {Upstream: "gone"}}; !slices.Equal(status.Drained, want) {
		t.Errorf("status: got %v drained, want %v", status.Drained, want)
	}
	if c, err := echo(websocket.DefaultDialer, address); err == nil {
		c.Close()
		t.Error("a new session at a drained endpoint: got one")
	}
	g.writeRoutes(t, strings.NewReplacer(", gone: "+up.URL, "", "{path: /gone, upstream: gone}, ", "").Replace(text))
	g.upgrade(t, 2)
	g.wantLines(t, "stopped", 2)
	if out := do("drain", "--undo", "--endpoint", up.URL, "--upstream", "main"); strings.Contains(out, "still drained") {
		t.Errorf("undo: got %q, want nothing left of what the file does not have", out)
	}
	c, err := echo(websocket.DefaultDialer, address)
	if err != nil {
		t.Fatalf("behind the undo: %v", err)
	}
	c.Close()
}
