//go:build unix

// Package redistest runs a real Redis for a test: redis-server, or what
// USHER_REDIS_BIN names, such as valkey-server. Only tests import it.
package redistest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"usher/proxy/waittest"
)

// Server is a Redis on a port of its own.
type Server struct {
	Address string

	t       testing.TB
	args    []string
	process *exec.Cmd
}

// Start runs a Redis that writes nothing to disk, with more arguments, until the
// test ends.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	return start(t, append([]string{"--port", portOf, "--save", "", "--appendonly", "no"}, args...))
}

// StartTLS is Start for one that speaks TLS alone.
func StartTLS(t testing.TB, args ...string) *Server {
	t.Helper()
	return start(t, append([]string{"--port", "0", "--tls-port", portOf, "--save", ""}, args...))
}

// Sentinel runs a sentinel, which writes to its file.
func Sentinel(t testing.TB, file string) *Server {
	t.Helper()
	return start(t, []string{file, "--sentinel", "--port", portOf})
}

// portOf stands for the server's port.
const portOf = "PORT"

func start(t testing.TB, args []string) *Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Address: l.Addr().String(), t: t}
	_, port, _ := net.SplitHostPort(s.Address)
	l.Close()
	args[slices.Index(args, portOf)] = port
	s.args = append(args, "--bind", "127.0.0.1")
	if !slices.Contains(args, "--dir") {
		s.args = append(s.args, "--dir", t.TempDir())
	}
	t.Cleanup(s.Kill)
	s.Restart()
	return s
}

// Restart runs it again, without what it knew.
func (s *Server) Restart() {
	s.t.Helper()
	s.Kill()
	binary := os.Getenv("USHER_REDIS_BIN")
	if binary == "" {
		binary = "redis-server"
	}
	s.process = exec.Command(binary, s.args...)
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	waittest.Until(s.t, "redis answers", func() bool {
		c, err := net.Dial("tcp", s.Address)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

// Kill ends it as if its machine had.
func (s *Server) Kill() {
	if s.process == nil {
		return
	}
	s.process.Process.Kill() //nolint:errcheck // it may have ended by itself
	s.process.Wait()         //nolint:errcheck // it was killed
	s.process = nil
}

// Pause has it answer nobody until Resume.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume ends a Pause.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.process.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// Do returns the answer to a command, that of several lines as it comes.
func (s *Server) Do(args ...string) string {
	s.t.Helper()
	c, err := net.Dial("tcp", s.Address)
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(waittest.Patience))
	var command strings.Builder
	fmt.Fprintf(&command, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(&command, "$%d\r\n%s\r\n", len(a), a)
	}
	if _, err := io.WriteString(c, command.String()); err != nil {
		s.t.Fatal(err)
	}
	answer, err := reply(bufio.NewReader(c))
	if err != nil {
		s.t.Fatalf("%v: %v", args, err)
	}
	return answer
}

// reply reads one of RESP 2, the parts of a list on lines of their own.
func reply(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimRight(line, "\r\n")
	switch kind, rest := line[0], line[1:]; kind {
	case '-':
		return "", errors.New(rest)
	case '$':
		n, err := strconv.Atoi(rest)
		if err != nil || n < 0 {
			return "", err
		}
		text := make([]byte, n+2)
		_, err = io.ReadFull(r, text)
		return string(text[:n]), err
	case '*':
		n, err := strconv.Atoi(rest)
		if err != nil {
			return "", err
		}
		parts := make([]string, max(n, 0))
		for i := range parts {
			if parts[i], err = reply(r); err != nil {
				return "", err
			}
		}
		return strings.Join(parts, "\n"), nil
	default:
		return rest, nil
	}
}
