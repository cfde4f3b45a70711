//go:build linux && !portable

package command_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gorilla/websocket"
)

// TestUpgradeInterrupted has the new process be killed, or stand still for longer
// than the old one waits, while it takes sockets that talk: those that it has are
// its own, and the others are told to come back. What anybody hears is right.
func TestUpgradeInterrupted(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP} {
		t.Run(signal.String(), func(t *testing.T) {
			g := newTestGenerations(t, upgradeRoutes("127.0.0.1:0", newEchoUpstream(t).URL))
			address := g.wantLines(t, "listening", 1)["address"].(string)
			var talkers []*talker
			for range 80 {
				talkers = append(talkers, newTalker(t, address))
			}
			old := g.pid
			syscall.Kill(old, syscall.SIGUSR2)
			g.pid = int(g.wantLines(t, "upgrade: the new process serves", 1)["pid"].(float64))
			syscall.Kill(g.pid, signal)
			g.wantLines(t, "stopped", 1) // the old one
			syscall.Kill(g.pid, syscall.SIGCONT)
			moved, told, lost := 0, 0, 0
			for _, k := range talkers {
				switch err := k.wantEnd(t); {
				case err == nil:
					moved++
				case websocket.IsCloseError(err, websocket.CloseServiceRestart) || errors.Is(err, websocket.ErrCloseSent):
					told++
				case websocket.IsCloseError(err, websocket.CloseAbnormalClosure) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE):
					lost++
				default:
					t.Errorf("behind message %d of %d: %v", k.got.Load(), k.sent.Load(), err)
				}
			}
			t.Logf("%d moved, %d told to come back, %d lost with the process that had them", moved, told, lost)
			if signal == syscall.SIGSTOP && lost > 0 || signal == syscall.SIGKILL && moved > 0 {
				t.Errorf("got %d moved and %d lost", moved, lost)
			}
		})
	}
}

// TestUpgradeWithoutDescriptors has a new process that may have few descriptors: it
// takes what it has some for, and the old one tells the others to come back.
func TestUpgradeWithoutDescriptors(t *testing.T) {
	g := newTestGenerations(t, upgradeRoutes("127.0.0.1:0", newEchoUpstream(t).URL))
	address := g.wantLines(t, "listening", 1)["address"].(string)
	if err := os.Rename(g.program, g.program+".old"); err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("#!/bin/sh\nulimit -n 50\nexec %q \"$@\"\n", g.program+".old")
	if err := os.WriteFile(g.program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	var talkers []*talker
	for range 60 {
		talkers = append(talkers, newTalker(t, address))
	}
	g.upgrade(t, 1)
	if line := g.wantLines(t, "sessions stay, and drain", 1); !strings.Contains(line["error"].(string), "too many open files") {
		t.Errorf("got %v, want it to say what lacks", line)
	}
	g.wantLines(t, "stopped", 1)
	told := 0
	for _, k := range talkers {
		switch err := k.wantEnd(t); {
		case err == nil: // one of a few that it had descriptors for
		case websocket.IsCloseError(err, websocket.CloseServiceRestart) || errors.Is(err, websocket.ErrCloseSent):
			told++
		default:
			t.Errorf("got %v, want it told to come back", err)
		}
	}
	if told == 0 {
		t.Error("got all moved")
	}
}

// firstToMove is the first commit whose sessions move.
const firstToMove = "bb06884621124e34a1855354847e6b0976e4bb05"

// TestUpgradeSkew upgrades from the first usher whose sessions move to this one,
// back, and again: each takes what it knows of, and leaves out what it does not.
func TestUpgradeSkew(t *testing.T) {
	if out, err := exec.Command("git", "rev-parse", "--is-shallow-repository").Output(); err == nil && string(out) == "true\n" {
		t.Skip("a clone without history has no earlier usher")
	}
	dir := t.TempDir()
	first := filepath.Join(dir, "usher-first")
	build := exec.Command("sh", "-c", `set -e; git archive "$1" | tar -x -C "$2"; cd "$2"; go build -o "$3" .`, "sh", firstToMove, dir, first)
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build commit %s, which needs the repository's history: %v: %s", firstToMove, err, out)
	}
	g := newTestGenerations(t, upgradeRoutes("127.0.0.1:0", newEchoUpstream(t).URL))
	address := g.wantLines(t, "listening", 1)["address"].(string)
	talkers := []*talker{newTalker(t, address), newTalker(t, address), newTalker(t, address)}
	for n, program := range []string{first, usher, first, usher} {
		if err := os.Remove(g.program); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(program, g.program); err != nil {
			t.Fatal(err)
		}
		g.upgrade(t, n+1)
		g.wantLines(t, "stopped", n+1)
	}
	for _, k := range talkers {
		k.wantWhole(t)
	}
}
