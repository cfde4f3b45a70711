package demo_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"usher/proxy/demo"
)

// TestMain lets the test binary be the demo's other processes.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "service" {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		if err := demo.Serve(ctx, os.Stdin, os.Stdout, os.Args[2], os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) == 2 && os.Args[1] == "whole-demo" {
		fmt.Fprintln(os.Stderr, demo.Run(context.Background(), os.Stdout, demo.Options{Program: program(), Listen: "127.0.0.1:0"}))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func program() []string {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return []string{self, "service"}
}

func TestDemo(t *testing.T) {
	d := startDemo(t)
	clients := make(map[string]*client)
	for _, name := range demo.Names() {
		c := d.connect(t, name)
		hello := c.next(t, "hello")
		if hello.Service != name || hello.PID != d.pids[name] {
			t.Errorf("%s: got hello from %+v, want process %d", name, hello, d.pids[name])
		}
		c.say(t, "how are you, "+name+"?")
		if got, want := c.next(t, "echo").Text, "how are you, "+name+"?"; got != want {
			t.Errorf("%s: got echo %q, want %q", name, got, want)
		}
		clients[name] = c
	}
	for name, c := range clients {
		if c.next(t, "tick").Text == "" {
			t.Errorf("%s: got an empty tick", name)
		}
	}

	t.Run("http", func(t *testing.T) {
		wantBody(t, d.get(t, "/admin/orders"), fmt.Sprintf("admin, process %d: you asked for /orders", d.pids["admin"]))
		wantBody(t, d.get(t, "/"), `<script src="/demo.js" defer>`)
		wantBody(t, d.get(t, "/demo.js"), "class Panel")
		wantBody(t, d.get(t, "/style.css"), "prefers-color-scheme: dark")
	})
	t.Run("kill is for the page only", func(t *testing.T) {
		r := d.post(t, "/kill/admin", "Origin", "https://other.example")
		if r.StatusCode != http.StatusForbidden {
			t.Errorf("from another origin: got %s, want 403", r.Status)
		}
		if r := d.post(t, "/kill/nobody", "Sec-Fetch-Site", "same-origin"); r.StatusCode != http.StatusNotFound {
			t.Errorf("of nobody: got %s, want 404", r.Status)
		}
	})
	t.Run("kill one", func(t *testing.T) {
		if r := d.post(t, "/kill/admin", "Sec-Fetch-Site", "same-origin"); r.StatusCode != http.StatusOK {
			t.Fatalf("got %s, want 200", r.Status)
		}
		if code := clients["admin"].wantClose(t); code != 1011 {
			t.Errorf("its client got Close %d, want 1011", code)
		}
		for _, name := range []string{"main", "seller", "chat"} {
			clients[name].say(t, "still there?")
			clients[name].next(t, "echo")
		}
		clients["admin"] = d.connect(t, "admin")
		back := clients["admin"].next(t, "hello")
		if back.PID == d.pids["admin"] {
			t.Errorf("got hello from the killed process %d", back.PID)
		}
		d.pids["admin again"] = back.PID
	})
	t.Run("stop", func(t *testing.T) {
		d.cancel()
		for name, c := range clients {
			if code := c.wantClose(t); code != 1001 && code != 1012 {
				t.Errorf("%s: got Close %d, want 1001 or 1012", name, code)
			}
		}
		if err := <-d.end; err != nil {
			t.Errorf("got %v, want nil", err)
		}
		for name, pid := range d.pids {
			wantGone(t, name, pid, 0)
		}
	})
}

func TestAddressTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	err = demo.Run(t.Context(), io.Discard, demo.Options{Program: program(), Listen: l.Addr().String()})
	if !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("got %v, want %v", err, syscall.EADDRINUSE)
	}
}

func TestNoAddress(t *testing.T) {
	err := demo.Run(t.Context(), io.Discard, demo.Options{Program: program(), Listen: "8080"})
	if _, ok := errors.AsType[*demo.ListenError](err); !ok {
		t.Errorf("got %v, want a ListenError", err)
	}
}

func TestServiceDoesNotStart(t *testing.T) {
	for _, program := range [][]string{{"/nonexistent/usher"}, {"/bin/false"}} {
		err := demo.Run(t.Context(), io.Discard, demo.Options{Program: program, Listen: "127.0.0.1:0"})
		if want := `start service "main": `; err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", program[0], err, want)
		}
	}
}

// TestKilledDemo kills the demo in the way that leaves it no time to clean up.
func TestKilledDemo(t *testing.T) {
	cmd := exec.Command(program()[0], "whole-demo")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	d := &running{pids: make(map[string]int)}
	d.read(t, stdout)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // that it was killed is known
	for name, pid := range d.pids {
		wantGone(t, name, pid, 5*time.Second)
	}
}

// TestServiceEndsWithStdin is what ends a service where the kernel does not.
func TestServiceEndsWithStdin(t *testing.T) {
	r, w := io.Pipe()
	end := make(chan error, 1)
	go func() { end <- demo.Serve(t.Context(), r, io.Discard, "main", "127.0.0.1:0") }()
	select {
	case err := <-end:
		t.Fatalf("it ended before its input did: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	w.Close()
	select {
	case err := <-end:
		if err != nil {
			t.Errorf("got %v, want nil", err)
		}
	case <-time.After(5 * time.Second):
		t.Error("it still runs 5 s after the end of its input")
	}
}

// running is a demo under test.
type running struct {
	base   string
	pids   map[string]int
	cancel context.CancelFunc
	end    chan error
	closed func(func()) // registers what is done when the whole test ends
}

func startDemo(t *testing.T) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	d := &running{pids: make(map[string]int), cancel: cancel, end: make(chan error, 1), closed: t.Cleanup}
	out, in := io.Pipe()
	go func() {
		d.end <- demo.Run(ctx, in, demo.Options{Program: program(), Listen: "127.0.0.1:0", Pause: 300 * time.Millisecond})
		in.Close()
	}()
	t.Cleanup(cancel)
	d.read(t, out)
	return d
}

var (
	processLine = regexp.MustCompile(`^  (\w+) +process (\d+) +http://`)
	openLine    = regexp.MustCompile(`^open (http://\S+) `)
)

// read takes the processes and the address from what the demo prints.
func (d *running) read(t *testing.T, out io.Reader) {
	t.Helper()
	lines := bufio.NewScanner(out)
	for d.base == "" && lines.Scan() {
		if m := processLine.FindStringSubmatch(lines.Text()); m != nil {
			pid, err := strconv.Atoi(m[2])
			if err != nil {
				t.Fatal(err)
			}
			d.pids[m[1]] = pid
		}
		if m := openLine.FindStringSubmatch(lines.Text()); m != nil {
			d.base = m[1]
		}
	}
	if d.base == "" || len(d.pids) != 4 {
		t.Fatalf("got address %q and processes %v, want both", d.base, d.pids)
	}
	go io.Copy(io.Discard, out)
}

func (d *running) get(t *testing.T, path string) string {
	t.Helper()
	r, err := http.Get(d.base + path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func (d *running) post(t *testing.T, path, header, value string) *http.Response {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, d.base+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set(header, value)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	return answer
}

func wantBody(t *testing.T, got, want string) {
	t.Helper()
	if !strings.Contains(got, want) {
		t.Errorf("got body %q, want %q in it", got, want)
	}
}

// wantGone fails the test if the process is still there after the given time.
func wantGone(t *testing.T, name string, pid int, within time.Duration) {
	t.Helper()
	for end := time.Now().Add(within); ; time.Sleep(20 * time.Millisecond) {
		p, err := os.FindProcess(pid)
		if err != nil || p.Signal(syscall.Signal(0)) != nil || defunct(pid) {
			return
		}
		if time.Now().After(end) {
			t.Errorf("%s: process %d is still there", name, pid)
			return
		}
	}
}

// defunct reports whether a process has ended and only its parent, here
// whoever took the orphans, has not asked for its status yet.
func defunct(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(stat), ") Z ")
}

// heard is what a service says.
type heard struct {
	Service, Kind, Text string
	PID                 int
}

func parse(t *testing.T, payload []byte) heard {
	t.Helper()
	var m heard
	if err := json.Unmarshal(payload, &m); err != nil {
		t.Fatalf("got %q: %v", payload, err)
	}
	return m
}
