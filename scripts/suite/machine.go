package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// bootPatience is how long a machine may take to boot: it takes a second.
const bootPatience = time.Minute

// machine is a systemd that is process 1 of its own namespaces, with the files
// of this system, and keeps nothing.
type machine struct {
	boot   *exec.Cmd
	said   bytes.Buffer
	cgroup string
	pid    string // of the systemd, as this system sees it
}

// bootMachine starts a machine that sees share as /mnt.
func bootMachine(ctx context.Context, share string) (*machine, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("only root can start a systemd of its own")
	}
	top, err := cgroup2()
	if err != nil {
		return nil, err
	}
	m := &machine{cgroup: filepath.Join(top, "usher-trial-"+strconv.Itoa(os.Getpid()))}
	if err := os.Mkdir(m.cgroup, 0o755); err != nil {
		return nil, err
	}
	// The shell enters the cgroup that becomes the root of the machine's.
	m.boot = command(ctx, "sh", "-c", `echo $$ > "$1"/cgroup.procs && exec unshare --mount --pid --net --uts --ipc --cgroup --fork --kill-child scripts/suite/boot "$2"`, "sh", m.cgroup, share)
	m.boot.Stdout, m.boot.Stderr = &m.said, &m.said
	if err := m.boot.Start(); err != nil {
		return nil, errors.Join(err, m.halt())
	}
	if err := m.wait(ctx); err != nil {
		return nil, errors.Join(err, m.halt(), errors.New(m.said.String()))
	}
	return m, nil
}

// cgroup2 is where the unified hierarchy of cgroups is mounted.
func cgroup2() (string, error) {
	mounts, err := os.ReadFile("/proc/mounts")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); len(f) > 2 && f[2] == "cgroup2" {
			return f[1], nil
		}
	}
	return "", errors.New("no cgroup2 is mounted")
}

// wait waits until the machine has booted.
func (m *machine) wait(ctx context.Context) error {
	unshare := strconv.Itoa(m.boot.Process.Pid)
	for end := time.Now().Add(bootPatience); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
		children, err := os.ReadFile(filepath.Join("/proc", unshare, "task", unshare, "children"))
		if err != nil {
			return err
		}
		m.pid = strings.TrimSpace(string(children))
		// Until then what is asked might be the systemd of this system.
		if name, err := os.ReadFile(filepath.Join("/proc", m.pid, "comm")); err != nil || string(name) != "systemd\n" {
			continue
		}
		if m.command(ctx, "systemctl", "is-active", "--quiet", "trial.target").Run() == nil {
			return nil
		}
	}
	return errors.New("systemd did not come up")
}

// command is one that runs in the machine.
func (m *machine) command(ctx context.Context, args ...string) *exec.Cmd {
	return command(ctx, "nsenter", append([]string{"--target", m.pid, "--all", "--"}, args...)...)
}

// beside is a command on this system that has the machine's network.
func (m *machine) beside(ctx context.Context, args ...string) *exec.Cmd {
	return command(ctx, "nsenter", append([]string{"--target", m.pid, "--net", "--"}, args...)...)
}

// halt ends the machine and all that runs in it.
func (m *machine) halt() error {
	if m.boot.Process != nil {
		if err := m.boot.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return err
		}
		m.boot.Wait() //nolint:errcheck // it was killed
	}
	var dirs []string
	walk := func(path string, entry os.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			dirs = append(dirs, path)
		}
		return err
	}
	if err := filepath.WalkDir(m.cgroup, walk); err != nil {
		return fmt.Errorf("cgroups of the machine: %w", err)
	}
	for i := range dirs {
		if err := removeCgroup(dirs[len(dirs)-1-i]); err != nil {
			return err
		}
	}
	return nil
}

// removeCgroup waits for the last of the killed processes in it.
func removeCgroup(dir string) error {
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if err := os.Remove(dir); err == nil || time.Now().After(end) {
			return err
		}
	}
}
