//go:build unix

package accesslog

import (
	"bufio"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"usher/proxy/config"
	"usher/proxy/headers"
	"usher/proxy/leaktest"
	"usher/proxy/waittest"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Main(m)) }

// Nobody waits for a log that is not read: what does not fit is counted, and
// nothing else is lost.
func TestStuck(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	pipe, err := os.OpenFile(filepath.Join(dir, "pipe"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	cfg := &config.Config{File: filepath.Join(dir, "routes.yaml"), Log: config.Log{Access: &config.AccessLog{To: "pipe", Format: config.Combined, Sample: 1}}}
	sink, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l := New(slog.New(slog.DiscardHandler))
	l.Use(sink)
	const all = 4 * queued
	r := httptest.NewRequest("GET", "/"+strings.Repeat("x", 100), nil)
	began := time.Now()
	for range all {
		l.Begin(r, headers.Sender{}, began).End(time.Now(), Outcome{Status: 200})
	}
	if l.dropped.Load() == 0 {
		t.Error("nothing was dropped, and nobody has read")
	}
	lines := uint64(0)
	go func() { // as fast as it can, until the pipe is closed
		for in := bufio.NewScanner(pipe); in.Scan(); {
			lines++
			if lines+l.dropped.Load() == all {
				close(l.closing)
			}
		}
	}()
	waittest.Until(t, "all lines are read or counted", func() bool {
		select {
		case <-l.closed:
			return true
		default:
			return false
		}
	})
}
