//go:build unix

package command_test

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"usher/proxy/waittest"
)

// generations are a running "usher run" and those that take its place. They
// write one log.
type generations struct {
	pid     int // of the one that serves
	program string
	routes  string

	mu    sync.Mutex
	lines []map[string]any // guarded by mu
	over  chan struct{}    // closed when the last has ended
}

// newTestGenerations runs a program of its own with the routes file text, and
// waits until it listens.
func newTestGenerations(t *testing.T, text string) *generations {
	t.Helper()
	return startTestGenerations(t, text, exec.Command)
}

func startTestGenerations(t *testing.T, text string, command func(program string, args ...string) *exec.Cmd) *generations {
	t.Helper()
	dir := t.TempDir()
	g := &generations{program: filepath.Join(dir, "usher"), routes: filepath.Join(dir, "routes.yaml"), over: make(chan struct{})}
	if err := os.Link(usher, g.program); err != nil {
		t.Fatal(err)
	}
	g.writeRoutes(t, text)
	cmd := command(g.program, "run", "--routes", "routes.yaml")
	cmd.Dir = dir
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	g.pid = cmd.Process.Pid
	go func() {
		g.read(bufio.NewScanner(stderr))
		cmd.Wait()
		close(g.over)
	}()
	t.Cleanup(func() { g.wantEnd(t) })
	g.wantLines(t, "listening", 1)
	return g
}

func (g *generations) writeRoutes(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(g.routes, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (g *generations) read(log *bufio.Scanner) {
	for log.Scan() {
		var fields map[string]any
		if json.Unmarshal(log.Bytes(), &fields) != nil {
			fields = map[string]any{"msg": log.Text()} // of a program that is no usher
		}
		g.mu.Lock()
		g.lines = append(g.lines, fields)
		g.mu.Unlock()
	}
}

func (g *generations) linesOf(msg string) []map[string]any {
	g.mu.Lock()
	defer g.mu.Unlock()
	var list []map[string]any
	for _, l := range g.lines {
		if l["msg"] == msg {
			list = append(list, l)
		}
	}
	return list
}

// wantLines waits until the log has n lines with the message msg, and returns
// the last.
func (g *generations) wantLines(t *testing.T, msg string, n int) map[string]any {
	t.Helper()
	var list []map[string]any
	if !waittest.Soon(func() bool { list = g.linesOf(msg); return len(list) >= n }) {
		g.mu.Lock()
		defer g.mu.Unlock()
		t.Fatalf("log: got %d lines %q, want %d, in\n%v", len(list), msg, n, g.lines)
	}
	return list[n-1]
}

// upgrade waits until the n-th upgrade is done.
func (g *generations) upgrade(t *testing.T, n int) {
	t.Helper()
	syscall.Kill(g.pid, syscall.SIGUSR2)
	pid := int(g.wantLines(t, "upgrade: the new process serves", n)["pid"].(float64))
	if pid == g.pid {
		t.Fatalf("pid: got %d again", pid)
	}
	g.pid = pid
}

// wantEnd ends the one that serves, and waits for all before it.
func (g *generations) wantEnd(t *testing.T) {
	t.Helper()
	select {
	case <-g.over:
		return // somebody has asked before
	default:
	}
	syscall.Kill(g.pid, syscall.SIGTERM)
	select {
	case <-g.over:
	case <-time.After(6 * patience):
		syscall.Kill(g.pid, syscall.SIGKILL)
		t.Errorf("processes: still there after %v", 6*patience)
	}
	if t.Failed() {
		g.mu.Lock()
		defer g.mu.Unlock()
		for _, l := range g.lines {
			if l["msg"] != "session ended" {
				t.Log(l)
			}
		}
	}
}
