//go:build linux

package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
)

// process is a child with its own process group, so that all that it starts
// can be stopped with it.
type process struct {
	name string
	cmd  *exec.Cmd
	log  string // file that has what it printed
	done chan struct{}
	once sync.Once
}

// start starts argv in dir. Its output goes to a file there, except standard
// output where cmd already has one.
func start(name, dir string, cmd *exec.Cmd) (*process, error) {
	p := &process{name: name, cmd: cmd, log: filepath.Join(dir, "output.log"), done: make(chan struct{})}
	out, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer out.Close() // the child has its own
	cmd.Dir = dir
	cmd.Stderr = out
	if cmd.Stdout == nil {
		cmd.Stdout = out
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go p.wait()
	return p, nil
}

func (p *process) wait() {
	_ = p.cmd.Wait() // how it ended is in the log
	close(p.done)
}

// stop kills the process and its children, and waits for it.
func (p *process) stop() {
	p.kill()
	<-p.done
}

// kill is stop without waiting.
func (p *process) kill() {
	p.once.Do(func() { _ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) })
}

func (p *process) exited() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// lastWords is the end of what the process printed.
func (p *process) lastWords() string {
	text, _ := os.ReadFile(p.log)
	if len(text) > 1000 {
		text = text[len(text)-1000:]
	}
	return string(bytes.TrimSpace(text))
}

// ports hands out listening ports below the range that the kernel takes
// clients' ports from, so that no client can sit on one.
type ports struct{ last int }

const firstPort, lastPort = 21000, 29999

func (p *ports) next() (string, error) {
	for range lastPort - firstPort {
		p.last++
		if p.last < firstPort || p.last > lastPort {
			p.last = firstPort
		}
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(p.last))
		l, err := net.Listen("tcp", address)
		if err == nil {
			l.Close()
			return address, nil
		}
	}
	return "", fmt.Errorf("no free port between %d and %d", firstPort, lastPort)
}
