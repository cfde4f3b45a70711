package command_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

const patience = 10 * time.Second

// process is a running "usher run".
type process struct {
	*exec.Cmd
	address string
	log     *bufio.Scanner // what follows the line that says where it listens
}

// newTestProcess runs the program with the routes file text and waits until it
// listens.
func newTestProcess(t *testing.T, text string) *process {
	t.Helper()
	return startTestProcess(t, text, usher)
}

// startTestProcess is newTestProcess with words before "run".
func startTestProcess(t *testing.T, text string, program ...string) *process {
	t.Helper()
	file := filepath.Join(t.TempDir(), "routes.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	words := append(program, "run", "--routes", file)
	p := &process{Cmd: exec.Command(words[0], words[1:]...)}
	stderr, err := p.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Process.Kill() })
	p.log = bufio.NewScanner(stderr)
	p.address = p.wantLine(t, "listening")["address"].(string)
	return p
}

// wantLine reads the log up to a line with the message msg. All lines must be
// JSON, as the log is a pipe.
func (p *process) wantLine(t *testing.T, msg string) map[string]any {
	t.Helper()
	defer time.AfterFunc(patience, func() { p.Process.Kill() }).Stop() // which ends the log
	for p.log.Scan() {
		var fields map[string]any
		if err := json.Unmarshal(p.log.Bytes(), &fields); err != nil {
			t.Fatalf("log line %q: %v", p.log.Text(), err)
		}
		if fields["msg"] == msg {
			return fields
		}
	}
	t.Fatalf("log: got no line %q", msg)
	return nil
}

// wantExit waits for the end of the process and wants an exit status.
func (p *process) wantExit(t *testing.T, status int) {
	t.Helper()
	timer := time.AfterFunc(patience, func() { p.Process.Kill() })
	for p.log.Scan() {
	}
	p.Wait()
	if !timer.Stop() {
		t.Errorf("process: still there after %v", patience)
	}
	if got := p.ProcessState.ExitCode(); got != status {
		t.Errorf("exit status: got %d, want %d", got, status)
	}
}

// newTestUpstream accepts any upgrade, and no more.
func newTestUpstream(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// echoMessages sends back each message of a client.
func echoMessages(w http.ResponseWriter, r *http.Request) {
	c, err := new(websocket.Upgrader).Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer c.Close()
	for {
		kind, p, err := c.ReadMessage()
		if err != nil || c.WriteMessage(kind, p) != nil {
			return
		}
	}
}

func routes(upstream net.Listener) string {
	return fmt.Sprintf("listen: 127.0.0.1:0\nupstreams: {main: http://%s}\nroutes: [{path: /, upstream: main}]\n", upstream.Addr())
}

func TestRunUntilASignal(t *testing.T) {
	for _, sig := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			p := newTestProcess(t, routes(newTestUpstream(t)))
			c, err := net.Dial("tcp", p.address)
			if err != nil {
				t.Fatal(err)
			}
			c.Close()
			p.Process.Signal(sig)
			p.wantLine(t, "stopped")
			p.wantExit(t, 0)
		})
	}
}

// TestSecondSignal has a request under way that would hold the drain up.
func TestSecondSignal(t *testing.T) {
	up := newTestUpstream(t)
	p := newTestProcess(t, routes(up))
	c, err := net.Dial("tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	held, err := up.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	p.Process.Signal(syscall.SIGTERM)
	p.wantLine(t, "stopping")
	p.Process.Signal(syscall.SIGTERM)
	p.wantExit(t, 128+15)
}

// TestHangup has a file that is wrong, and then one that has another route.
func TestHangup(t *testing.T) {
	p := newTestProcess(t, routes(newTestUpstream(t)))
	file := p.Args[len(p.Args)-1]
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("nonsense: 1\n" + string(good))
	p.Process.Signal(syscall.SIGHUP)
	if got := fmt.Sprint(p.wantLine(t, "reload refused, nothing has changed")["errors"]); !strings.Contains(got, `:1:1: unknown key "nonsense"`) {
		t.Errorf("log: got %s, want the fault of the file", got)
	}
	write(strings.Replace(string(good), "path: /", "path: /new", 1))
	p.Process.Signal(syscall.SIGHUP)
	if got := fmt.Sprint(p.wantLine(t, "reloaded")["routes_added"]); got != "[/new]" {
		t.Errorf("log: got routes %s added, want [/new]", got)
	}
	p.Process.Signal(syscall.SIGTERM)
	p.wantExit(t, 0)
}

// A SIGHUP that comes while the file is read for the first time has it read again,
// and ends nothing.
func TestEarlyHangup(t *testing.T) {
	dir := t.TempDir()
	file, next := filepath.Join(dir, "routes.yaml"), filepath.Join(dir, "next")
	text := routes(newTestUpstream(t))
	if err := errors.Join(syscall.Mkfifo(file, 0o600), os.WriteFile(next, []byte(strings.Replace(text, "path: /", "path: /new", 1)), 0o600)); err != nil {
		t.Fatal(err)
	}
	p := &process{Cmd: exec.Command(usher, "run", "--routes", file)}
	stderr, err := p.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Process.Kill() })
	p.log = bufio.NewScanner(stderr)
	pipe, err := os.OpenFile(file, os.O_WRONLY, 0) // which waits for the reader
	if err != nil {
		t.Fatal(err)
	}
	p.Process.Signal(syscall.SIGHUP)
	os.Rename(next, file)
	io.WriteString(pipe, text)
	pipe.Close()
	if got := fmt.Sprint(p.wantLine(t, "reloaded")["routes_added"]); got != "[/new]" {
		t.Errorf("log: got routes %s added, want [/new]", got)
	}
	p.Process.Signal(syscall.SIGTERM)
	p.wantExit(t, 0)
}

func TestRunWithAnAddressInUse(t *testing.T) {
	l := newTestUpstream(t)
	file := filepath.Join(t.TempDir(), "routes.yaml")
	text := strings.Replace(routes(newTestUpstream(t)), "127.0.0.1:0", l.Addr().String(), 1)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(usher, "run", "--routes", file).CombinedOutput()
	if err == nil {
		t.Error("exit status: got 0, want 1")
	}
	for _, want := range []string{"usher: ", "routes.yaml:1:9: ", "address already in use", "hint: another process listens there"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("stderr: got %q, want %q in it", out, want)
		}
	}
}

// TestOutOfDescriptors has more clients than the process may open files: it
// must serve again when they are gone (attack 21).
func TestOutOfDescriptors(t *testing.T) {
	p := startTestProcess(t, routes(newTestUpstream(t)), "sh", "-c", `ulimit -n 32 && exec "$@"`, "sh", usher)
	var clients []net.Conn
	for range 64 {
		c, err := net.Dial("tcp", p.address)
		if err != nil {
			t.Fatal(err)
		}
		clients = append(clients, c)
	}
	if line := p.wantLine(t, "clients have to wait"); line["error"] != "accept4: too many open files" || line["address"] == "" {
		t.Errorf("got %v, want what the process is out of", line)
	}
	for _, c := range clients {
		c.Close()
	}
	c, err := net.Dial("tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	io.WriteString(c, "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n")
	if line, err := bufio.NewReader(c).ReadString('\n'); line != "HTTP/1.1 400 Bad Request\r\n" {
		t.Errorf("answer: got %q, %v; want 400", line, err)
	}
	p.Process.Signal(syscall.SIGTERM)
	p.wantExit(t, 0)
}
