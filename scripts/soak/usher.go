//go:build linux

package main

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// usher is the process under test.
type usher struct {
	folder  string
	binary  string
	plain   string // where it listens
	secure  string
	disk    string // a small file system for its certificates
	routes  string
	log     string
	issuer  *issuer
	roots   *x509.CertPool
	process *os.Process
	ended   bool // it was waited for
	idle    int  // descriptors that it has open without a client
}

func newUsher(folder string) *usher {
	return &usher{
		folder: folder, plain: freeAddress(), secure: freeAddress(),
		disk:   filepath.Join(folder, "disk"),
		routes: filepath.Join(folder, "routes.yaml"), log: filepath.Join(folder, "log"),
	}
}

// build makes the binary, unless one is given, and mounts the disk.
func (u *usher) build(ctx context.Context, given string) error {
	u.binary = given
	if given == "" {
		u.binary = filepath.Join(u.folder, "usher")
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", u.binary, ".").CombinedOutput(); err != nil {
			return fmt.Errorf("build usher: %w\n%s", err, out)
		}
	}
	if err := os.Mkdir(u.disk, 0o700); err != nil {
		return err
	}
	if err := syscall.Mount("soak", u.disk, "tmpfs", 0, "size=256k"); err != nil {
		return fmt.Errorf("mount a small file system, to fill it later, needs root: %w", err)
	}
	var err error
	u.issuer, err = newIssuer()
	if err == nil {
		u.roots = u.issuer.roots()
	}
	return err
}

// newCertificate puts another certificate on the disk.
func (u *usher) newCertificate() error {
	return u.issuer.issue(filepath.Join(u.disk, "cert.pem"), filepath.Join(u.disk, "key.pem"))
}

// emptyCertificate does what a tool does first that writes another one in its
// place.
func (u *usher) emptyCertificate() error {
	return errors.Join(os.Truncate(filepath.Join(u.disk, "key.pem"), 0), os.Truncate(filepath.Join(u.disk, "cert.pem"), 0))
}

const routes = `listen:
  - %[1]s
  - {address: '%[2]s', tls: true}
tls:
  certificates: [{cert: disk/cert.pem, key: disk/key.pem}]
%[7]s
drain: {over: 1s, deadline: 20s}
upstreams:
  steady: http://%[3]s
  tied: {endpoints: ['http://%[4]s', 'http://%[5]s']}
routes:
  - {path: /steady, upstream: steady}
  - {path: /messages, upstream: steady, relay: messages}
  - {path: /tied, upstream: tied}
  - {path: /other%[6]s, upstream: steady}
`

// writeRoutes writes the routes file, with another path for the route that
// nobody uses, and further lines of tls.
func (u *usher) writeRoutes(s *stage, other string, tls ...string) error {
	text := fmt.Sprintf(routes, u.plain, u.secure, s.steady.address, s.tied[0].address, s.tied[1].address, other, strings.Join(tls, "\n"))
	return os.WriteFile(u.routes, []byte(text), 0o600)
}

func (u *usher) start() error {
	log, err := os.Create(u.log)
	if err != nil {
		return err
	}
	defer log.Close()
	c := exec.Command(u.binary, "run", "--routes", u.routes)
	c.Stdout, c.Stderr = log, log
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	// Who takes its place is not its child any more when it has ended.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl", err)
	}
	if err := c.Start(); err != nil {
		return err
	}
	u.process = c.Process
	err = within(10*time.Second, func() error { return errors.Join(connects(u.plain), connects(u.secure)) })
	if err != nil {
		text, _ := os.ReadFile(u.log)
		return fmt.Errorf("start usher: %w\n%s", err, text)
	}
	u.idle, err = u.descriptors()
	return err
}

func (u *usher) signal(s os.Signal) error { return u.process.Signal(s) }

// upgrade has another process take usher's place, and waits until the one before
// has ended.
func (u *usher) upgrade() error {
	lines, err := u.logged(0)
	if err != nil {
		return err
	}
	if err := u.signal(syscall.SIGUSR2); err != nil {
		return err
	}
	if err := u.wait(); err != nil {
		return err
	}
	if lines, err = u.logged(len(lines)); err != nil {
		return err
	}
	for _, l := range lines {
		if l.Msg == "upgrade: the new process serves" {
			u.ended = false
			u.process, err = os.FindProcess(l.PID)
			return err
		}
	}
	return errors.New("the log does not say which process serves")
}

// wait waits for usher's end.
func (u *usher) wait() error {
	u.ended = true
	state, err := u.process.Wait()
	if err == nil && !state.Success() {
		err = errors.New(state.String())
	}
	if err != nil {
		err = fmt.Errorf("usher's exit: %w", err)
	}
	return err
}

// kill ends usher if it runs, and gives the disk back.
func (u *usher) kill() {
	if u.process != nil && !u.ended {
		u.process.Kill() //nolint:errcheck // it may have ended
		u.process.Wait() //nolint:errcheck // by a signal, of course
	}
	syscall.Unmount(u.disk, 0) //nolint:errcheck // it may not be mounted
}

func (u *usher) descriptors() (int, error) {
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", u.process.Pid))
	return len(list), err
}

// cpu returns how long usher has computed.
func (u *usher) cpu() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", u.process.Pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	var user, system int64
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		return 0, err
	}
	return time.Duration(user+system) * 10 * time.Millisecond, nil
}

// line is one of usher's log.
type line struct {
	Level string
	Msg   string
	Cause string
	PID   int

	Seconds float64 `json:"duration_s"`
}

// logged returns the lines of the log from the given one on.
func (u *usher) logged(from int) ([]line, error) {
	f, err := os.Open(u.log)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []line
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var l line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("a line of the log is no JSON: %q", lines.Text())
		}
		all = append(all, l)
	}
	return all[min(from, len(all)):], nil
}

// says waits until the log has a line with the given message behind line from.
func (u *usher) says(from int, message string) error {
	return within(20*time.Second, func() error {
		lines, err := u.logged(from)
		for _, l := range lines {
			if strings.HasPrefix(l.Msg, message) {
				return nil
			}
		}
		return errors.Join(err, fmt.Errorf("the log has no line %q", message))
	})
}

// reload has usher read its file again and waits for the line that says so.
func (u *usher) reload(message string) error {
	lines, err := u.logged(0)
	if err != nil {
		return err
	}
	if err := u.signal(syscall.SIGHUP); err != nil {
		return err
	}
	return u.says(len(lines), message)
}
