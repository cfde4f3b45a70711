package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// servicePatience is how long a service may take for anything.
const servicePatience = time.Minute

// service is one that runs as systemd would have it: by the words of its unit,
// with a socket that is open already, and telling how it stands.
type service struct {
	program, routes string
	url             string
	notify          net.PacketConn
	first           *exec.Cmd
	log             bytes.Buffer
	pid             int // of the one that serves
	stopped         bool
}

var execStart = regexp.MustCompile(`(?m)^ExecStart=(\S+) (.*)$`)

// startService starts the service that is installed in root, and waits until it
// is ready.
func startService(ctx context.Context, root string) (*service, error) {
	unit, err := os.ReadFile(filepath.Join(root, "usr/lib/systemd/system/usher.service"))
	if err != nil {
		return nil, err
	}
	line := execStart.FindSubmatch(unit)
	if line == nil {
		return nil, errors.New("the unit has no ExecStart")
	}
	s := &service{program: filepath.Join(root, string(line[1])), routes: filepath.Join(root, "etc/usher/routes.yaml")}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer l.Close()
	s.url = "http://" + l.Addr().String() + "/"
	if err := s.move(root, l.Addr().String()); err != nil {
		return nil, err
	}
	args := strings.Fields(strings.ReplaceAll(string(line[2]), "/etc/usher/routes.yaml", s.routes))
	return s, s.start(ctx, root, l, args)
}

// move has the routes file name places of our own.
func (s *service) move(root, address string) error {
	text, err := os.ReadFile(s.routes)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(root, "run/usher"), 0o755); err != nil {
		return err
	}
	moved := strings.NewReplacer("127.0.0.1:8080", address, "unix:/run/usher", "unix:"+filepath.Join(root, "run/usher")).Replace(string(text))
	return os.WriteFile(s.routes, []byte(moved), 0o600)
}

func (s *service) start(ctx context.Context, root string, l net.Listener, args []string) error {
	path := filepath.Join(root, "run/notify")
	var err error
	if s.notify, err = net.ListenPacket("unixgram", path); err != nil {
		return err
	}
	file, err := l.(*net.TCPListener).File()
	if err != nil {
		return err
	}
	defer file.Close()
	// Who starts a program knows its pid; here the shell does, and exec keeps it.
	s.first = command(ctx, "sh", append([]string{"-c", `export LISTEN_PID=$$; exec "$@"`, "sh", s.program}, args...)...)
	environment(s.first, "NOTIFY_SOCKET="+path, "LISTEN_FDS=1", "LISTEN_FDNAMES=usher.socket")
	s.first.ExtraFiles, s.first.Stdout, s.first.Stderr = []*os.File{file}, &s.log, &s.log
	if err := s.first.Start(); err != nil {
		return err
	}
	s.pid = s.first.Process.Pid
	_, err = s.told("READY=1")
	return err
}

// told waits for a notification, and returns what stands behind prefix.
func (s *service) told(prefix string) (string, error) {
	if err := s.notify.SetReadDeadline(time.Now().Add(servicePatience)); err != nil {
		return "", err
	}
	for b := make([]byte, 4096); ; {
		n, _, err := s.notify.ReadFrom(b)
		if err != nil {
			return "", fmt.Errorf("notification %s: %w", prefix, err)
		}
		if rest, ok := strings.CutPrefix(string(b[:n]), prefix); ok {
			return rest, nil
		}
	}
}

// ask wants an answer, whatever it is: usher's own, if there is no upstream.
func (s *service) ask() error {
	client := http.Client{Timeout: servicePatience, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(s.url)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// upgrade has the service take the program that is installed now.
func (s *service) upgrade(ctx context.Context) error {
	out, err := command(ctx, s.program, "upgrade", "--routes", s.routes).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w", out, err)
	}
	pid, err := s.told("MAINPID=")
	if err != nil {
		return err
	}
	s.pid, err = strconv.Atoi(pid)
	return err
}

// stop ends the service in good order, and waits for what an upgrade left.
func (s *service) stop() error {
	if s.stopped {
		return nil
	}
	s.stopped = true
	defer s.notify.Close()
	p, err := os.FindProcess(s.pid)
	if err == nil {
		err = p.Signal(syscall.SIGTERM)
	}
	if err == nil {
		_, err = s.told("STOPPING=1")
	}
	return errors.Join(err, s.first.Wait())
}
