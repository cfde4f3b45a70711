package handover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"usher/proxy/socket"
)

const (
	// patience is how long a new process may take until it serves.
	patience = 25 * time.Second
	// lastWords is how long a process that has given up may take to end.
	lastWords = 2 * time.Second
	// firstDescriptor is the number of the first that a process is given.
	firstDescriptor = 3
	// longestReport bounds what a program that is no usher may say.
	longestReport = 64 << 10
)

// Program is what takes the place of this process when it is upgraded.
type Program struct {
	Path     string        // looked up anew at each start: the file may be another one by then
	Args     []string      // behind the program's name
	Dir      string        // the working directory
	Patience time.Duration // until it serves; if zero, 25 s
}

// Self returns the program that this process runs, by the path that it was
// started with: where a link or a file has been replaced since, the new one is
// meant. It is called at the start.
func Self() (Program, error) {
	dir, err := os.Getwd()
	if err != nil {
		return Program{}, err
	}
	running, err := os.Executable()
	if err != nil {
		return Program{}, err
	}
	path, err := exec.LookPath(os.Args[0])
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil || !sameFile(path, running) {
		path = running // os.Args[0] is only a name
	}
	return Program{Path: path, Args: os.Args[1:], Dir: dir}, nil
}

func sameFile(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

// Heir is a process that serves, and takes this one's place.
type Heir struct {
	*os.Process
	Channel *Channel // by which it takes what this one has; nil if it does not
	Deaf    error    // why, if it is nil
}

// Will is what the next process is told at its start. What is in it may be
// anything that JSON can hold.
type Will struct {
	Open   any // may be read by who can look into the process
	Secret any // goes over the channel, to a process that has one
}

// Start starts the program with the sockets and the will, and returns it once it
// serves. If it does not, or ctx ends before, it is gone when Start returns.
func (p Program) Start(ctx context.Context, sockets []Socket, will Will) (*Heir, error) {
	files, err := share(sockets)
	if err != nil {
		return nil, err
	}
	defer closeFiles(files)
	report, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer report.Close()
	defer write.Close()
	channel, other, err := newChannel()
	if err != nil {
		return nil, err
	}
	defer other.Close()
	cmd := exec.Command(p.Path, p.Args...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = p.Dir, os.Stdin, os.Stdout, os.Stderr
	cmd.ExtraFiles = append(slices.Clip(files), write, other)
	if cmd.Env, err = environment(sockets, will.Open); err == nil {
		err = cmd.Start()
	}
	if err != nil {
		channel.Close()
		return nil, err
	}
	write.Close()
	other.Close()
	return p.raise(ctx, cmd, report, channel, will.Secret)
}

// raise returns the process that was started once it serves.
func (p Program) raise(ctx context.Context, cmd *exec.Cmd, report *os.File, channel *Channel, secret any) (*Heir, error) {
	greeted := make(chan error, 1)
	go func() { greeted <- channel.greet(secret) }()
	process, err := p.await(ctx, cmd, report)
	// Who takes anything has said so before it served.
	channel.conn.SetDeadline(time.Now().Add(100 * time.Millisecond))
	deaf := <-greeted
	if err != nil || deaf != nil {
		channel.Close()
		channel = nil
	}
	if err != nil {
		return nil, err
	}
	return &Heir{process, channel, deaf}, nil
}

// await waits for the report of a process that was started.
func (p Program) await(ctx context.Context, cmd *exec.Cmd, report *os.File) (*os.Process, error) {
	limit := p.Patience
	if limit == 0 {
		limit = patience
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it does not serve within %v", limit))
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		cmd.Process.Kill()                      //nolint:errcheck // it may have ended by itself
		report.SetReadDeadline(time.Unix(1, 0)) // whoever it has started may hold the other end
	})
	said, _ := io.ReadAll(io.LimitReader(report, longestReport)) // what came of it is in said
	if stop() && string(said) == ready {
		return cmd.Process, nil
	}
	kill := time.AfterFunc(lastWords, func() { cmd.Process.Kill() }) //nolint:errcheck // likewise
	defer kill.Stop()
	err := cmd.Wait()
	switch {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case len(said) > 0 && string(said) != ready:
		err = errors.New(string(said))
	case err == nil:
		err = errors.New("it ended at once")
	}
	return nil, fmt.Errorf("new process: %w", err)
}

// share returns a descriptor of each socket, for another process.
func share(sockets []Socket) ([]*os.File, error) {
	var files []*os.File
	for _, s := range sockets {
		f, err := socket.Share(s.Listener)
		if err != nil {
			closeFiles(files)
			return nil, fmt.Errorf("share %s: %w", s.Listener.Addr(), err)
		}
		files = append(files, f)
	}
	return files, nil
}

// environment is this process's own, with a letter about the sockets and the
// will. LISTEN_PID is not known yet: the letter stands for it.
func environment(sockets []Socket, will any) ([]string, error) {
	l := letter{Parent: os.Getpid(), Sockets: sockets, Channel: firstDescriptor + len(sockets) + 1}
	var err error
	if l.Will, err = json.Marshal(will); err != nil {
		return nil, err
	}
	text, err := json.Marshal(l)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); name != letterEnv && !strings.HasPrefix(name, "LISTEN_") {
			list = append(list, pair)
		}
	}
	return append(list, letterEnv+"="+string(text), "LISTEN_FDS="+strconv.Itoa(len(sockets)+1)), nil
}
