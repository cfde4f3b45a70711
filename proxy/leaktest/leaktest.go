// Package leaktest fails the tests of a package that leave goroutines or
// descriptors behind. Only tests import it.
package leaktest

import (
	"bytes"
	"flag"
	"fmt"
	"net"
	"os"
	"runtime"
	"testing"
	"time"
)

// patience is how long what the tests have stopped may take to end.
const patience = 30 * time.Second

// Main runs the tests of m and returns the exit code: 1 also if the process
// holds more in the end than before.
func Main(m *testing.M) int {
	if l, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		l.Close() // Go's poller, which has descriptors, is there from now on
	}
	before := Take()
	code := m.Run()
	if code != 0 || flag.Lookup("test.fuzz").Value.String() != "" {
		return code // a test that fails may leave things; fuzzing has goroutines of its own
	}
	if leak := before.Leak(patience); leak != "" {
		fmt.Fprintln(os.Stderr, leak)
		return 1
	}
	return 0
}

// Stock is what a process holds at one moment.
type Stock struct{ goroutines, descriptors int }

// Take returns what the process holds now.
func Take() Stock { return Stock{goroutines: countGoroutines(), descriptors: countDescriptors()} }

// Leak waits until the process holds no more than it did, and says what is too
// much if that does not come within the given time.
func (s Stock) Leak(within time.Duration) string {
	for deadline := time.Now().Add(within); ; time.Sleep(5 * time.Millisecond) {
		now := Take()
		if now.goroutines <= s.goroutines && now.descriptors <= s.descriptors {
			return ""
		}
		if time.Now().After(deadline) {
			return fmt.Sprintf("leak: got %+v, want %+v\n%s", now, s, stacks(1<<18))
		}
	}
}

// countGoroutines leaves out those that certmagic keeps as long as the process
// lives, one for each account at an authority.
func countGoroutines() int {
	kept := bytes.Count(stacks(1<<20), []byte("\ngithub.com/caddyserver/certmagic.(*RingBufferRateLimiter).loop("))
	return runtime.NumGoroutine() - kept
}

func stacks(size int) []byte {
	all := make([]byte, size)
	return all[:runtime.Stack(all, true)]
}

// countDescriptors returns 0 where the system has no /proc.
func countDescriptors() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}
