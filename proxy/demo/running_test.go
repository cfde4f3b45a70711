package demo_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"usher/proxy/demo"
)

// running is a demo under test.
type running struct {
	base   string
	pids   map[string]int
	cancel context.CancelFunc
	end    chan error
	closed func(func()) // registers what is done when the whole test ends
}

func startDemo(t *testing.T) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	d := &running{pids: make(map[string]int), cancel: cancel, end: make(chan error, 1), closed: t.Cleanup}
	out, in := io.Pipe()
	go func() {
		d.end <- demo.Run(ctx, in, demo.Options{Program: program(), Listen: "127.0.0.1:0", Pause: 300 * time.Millisecond})
		in.Close()
	}()
	t.Cleanup(cancel)
	d.read(t, out)
	return d
}

var (
	processLine = regexp.MustCompile(`^  (\w+) +process (\d+) +http://`)
	openLine    = regexp.MustCompile(`^open (http://\S+) `)
)

// read takes the processes and the address from what the demo prints.
func (d *running) read(t *testing.T, out io.Reader) {
	t.Helper()
	lines := bufio.NewScanner(out)
	for d.base == "" && lines.Scan() {
		if m := processLine.FindStringSubmatch(lines.Text()); m != nil {
			pid, err := strconv.Atoi(m[2])
			if err != nil {
				t.Fatal(err)
			}
			d.pids[m[1]] = pid
		}
		if m := openLine.FindStringSubmatch(lines.Text()); m != nil {
			d.base = m[1]
		}
	}
	if d.base == "" || len(d.pids) != 4 {
		t.Fatalf("got address %q and processes %v, want both", d.base, d.pids)
	}
	go io.Copy(io.Discard, out)
}

func (d *running) get(t *testing.T, path string) string {
	t.Helper()
	r, err := http.Get(d.base + path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func (d *running) post(t *testing.T, path, header, value string) *http.Response {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, d.base+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set(header, value)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	return answer
}

func wantBody(t *testing.T, got, want string) {
	t.Helper()
	if !strings.Contains(got, want) {
		t.Errorf("got body %q, want %q in it", got, want)
	}
}

func gone(pid int) bool {
	p, err := os.FindProcess(pid)
	return err != nil || p.Signal(syscall.Signal(0)) != nil || defunct(pid)
}

// defunct reports whether a process has ended and only its parent, here
// whoever took the orphans, has not asked for its status yet.
func defunct(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(stat), ") Z ")
}
