//go:build linux

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// upstreamControl is the bench's hold on the upstream's process.
type upstreamControl struct {
	*process
	address string
	in      io.WriteCloser
	pipe    *os.File // the other end of its standard output
	out     *bufio.Reader
}

// startUpstream starts the upstream and waits for its address.
func startUpstream(dir string) (*upstreamControl, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, verbUpstream)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdout = write
	p, err := start("upstream", dir, cmd)
	write.Close()
	if err != nil {
		read.Close()
		return nil, err
	}
	u := &upstreamControl{process: p, in: in, pipe: read, out: bufio.NewReader(read)}
	if u.address, err = u.line(); err != nil {
		p.stop()
		u.release()
		return nil, err
	}
	return u, nil
}

// release closes the bench's ends of the pipes.
func (u *upstreamControl) release() {
	u.in.Close()
	u.pipe.Close()
}

func (u *upstreamControl) line() (string, error) {
	text, err := u.out.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("upstream: %w: %s", err, u.lastWords())
	}
	return strings.TrimSpace(text), nil
}

// fanOut sends one message to each socket of pathFan.
func (u *upstreamControl) fanOut() error {
	_, err := io.WriteString(u.in, "f")
	return err
}

// open asks for the number of open sockets.
func (u *upstreamControl) open() (int, error) {
	if _, err := io.WriteString(u.in, "n"); err != nil {
		return 0, err
	}
	text, err := u.line()
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(text)
}

// waitOpen waits until exactly want sockets are open.
func (u *upstreamControl) waitOpen(ctx context.Context, want int) error {
	for {
		n, err := u.open()
		if err != nil {
			return err
		}
		if n == want {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("upstream has %d sockets open, want %d: %w", n, want, context.Cause(ctx))
		case <-time.After(2 * time.Millisecond):
		}
	}
}
