package demo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"
)

// service is one of the four processes, and its successors.
type service struct {
	// static after construction
	name    string
	program []string
	pause   time.Duration
	out     *printer

	// set once
	ready   chan struct{} // closed when address is known
	done    chan struct{} // closed when no process is left and none will come
	address string        // before ready is closed; every successor gets the same
	err     error         // before done is closed: why the first one did not start

	mu      sync.Mutex
	process *os.Process // guarded by mu; nil while there is none
}

func newService(name string, program []string, pause time.Duration, out *printer) *service {
	return &service{
		name: name, program: program, pause: pause, out: out,
		ready: make(chan struct{}), done: make(chan struct{}),
	}
}

// supervise starts the process, and starts it again whenever it ends, until
// ctx does.
func (s *service) supervise(ctx context.Context) {
	defer close(s.done)
	// Linux sends the signal that ends a child with its parent when the thread
	// ends that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for {
		err := s.once(ctx)
		if ctx.Err() != nil {
			return
		}
		if s.address == "" {
			s.err = err
			return
		}
		s.out.printf("%s ended: %v; usher gives its clients a Close, the others go on\n", s.name, err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(s.pause):
		}
	}
}

// once runs one process from its start to its end.
func (s *service) once(ctx context.Context) error {
	arguments := append(s.program[1:len(s.program):len(s.program)], s.name, s.listen())
	cmd := exec.CommandContext(ctx, s.program[0], arguments...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = tied()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	cmd.Cancel = stdin.Close // it ends by itself then
	cmd.WaitDelay = 2 * time.Second
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	s.set(cmd.Process)
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err == nil {
		s.started(strings.TrimSpace(line), cmd.Process.Pid)
	}
	err = cmd.Wait()
	s.set(nil)
	if err == nil {
		return errors.New("it chose to")
	}
	return err
}

// listen returns the address that the next process listens on.
func (s *service) listen() string {
	if s.address == "" {
		return "127.0.0.1:0"
	}
	return s.address
}

func (s *service) started(address string, pid int) {
	if s.address == "" {
		s.address = address
		close(s.ready)
		return
	}
	s.out.printf("%s is back: process %d\n", s.name, pid)
}

func (s *service) set(p *os.Process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.process = p
}

// pid returns the process id, or 0 while there is no process.
func (s *service) pid() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return 0
	}
	return s.process.Pid
}

var errNoProcess = errors.New("it is not running")

// kill ends the process in the way that leaves it no time for anything, and
// returns its id.
func (s *service) kill() (pid int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return 0, fmt.Errorf("kill %s: %w", s.name, errNoProcess)
	}
	return s.process.Pid, s.process.Kill()
}

// untilEnd returns a context that ends with r, which is how a process learns
// that the one that started it is gone.
func untilEnd(ctx context.Context, r io.Reader) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, r) // an error is an end too
	}()
	return ctx
}
