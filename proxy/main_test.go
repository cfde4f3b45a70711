package proxy_test

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"os"
	"runtime"
	"testing"
	"time"
)

// TestMain fails the package if its tests leave goroutines or descriptors.
func TestMain(m *testing.M) {
	forget := trustTestServers()
	before := takeStock()
	code := m.Run()
	if code == 0 {
		if leak := before.leak(5 * time.Second); leak != "" {
			fmt.Fprintln(os.Stderr, leak)
			code = 1
		}
	}
	forget()
	os.Exit(code)
}

// trustTestServers makes the certificate of httptest one of the system's roots
// for this process: endpoints are verified by those.
func trustTestServers() (forget func()) {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	f, err := os.CreateTemp("", "usher-roots-*.pem")
	if err != nil {
		panic(err)
	}
	defer f.Close()
	if err := pem.Encode(f, &pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}); err != nil {
		panic(err)
	}
	os.Setenv("SSL_CERT_FILE", f.Name())
	return func() { os.Remove(f.Name()) }
}

// stock is what a process holds at one moment.
type stock struct{ goroutines, descriptors int }

func takeStock() stock {
	return stock{goroutines: countGoroutines(), descriptors: countDescriptors()}
}

// countGoroutines leaves out those that certmagic keeps as long as the process
// lives, one for each account at an authority.
func countGoroutines() int {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	return runtime.NumGoroutine() - bytes.Count(stacks, []byte("\ngithub.com/caddyserver/certmagic.(*RingBufferRateLimiter).loop("))
}

// countDescriptors returns 0 where the system has no /proc.
func countDescriptors() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}

// leak waits until the process holds no more than it did, and says what is too
// much if that does not come within the given time.
func (s stock) leak(within time.Duration) string {
	deadline := time.Now().Add(within)
	for {
		now := takeStock()
		if now.goroutines <= s.goroutines && now.descriptors <= s.descriptors {
			return ""
		}
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<18)
			return fmt.Sprintf("leak: got %+v, want %+v\n%s", now, s, stacks[:runtime.Stack(stacks, true)])
		}
		time.Sleep(10 * time.Millisecond)
	}
}
