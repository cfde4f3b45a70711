package relay

import (
	"flag"
	"fmt"
	"net"
	"os"
	"runtime"
	"testing"
	"time"
)

// TestMain fails if goroutines or descriptors are left when all tests are done.
func TestMain(m *testing.M) {
	if c, err := net.ListenPacket("udp", "127.0.0.1:0"); err == nil {
		c.Close() // Go's own poller keeps descriptors from its first use on
	}
	goroutines, files := runtime.NumGoroutine(), openFiles()
	code := m.Run()
	if f := flag.Lookup("test.fuzz"); f != nil && f.Value.String() != "" {
		os.Exit(code) // the fuzzer has goroutines of its own
	}
	late := time.Now().Add(5 * time.Second)
	for runtime.NumGoroutine() > goroutines && time.Now().Before(late) {
		runtime.Gosched()
	}
	if n := runtime.NumGoroutine(); n > goroutines {
		buf := make([]byte, 64<<10)
		fmt.Printf("got %d goroutines at the end, want %d\n%s\n", n, goroutines, buf[:runtime.Stack(buf, true)])
		code = max(code, 1)
	}
	if n := openFiles(); n > files+1 { // the profile or cache of the test itself
		fmt.Printf("got %d descriptors at the end, want %d\n", n, files)
		code = max(code, 1)
	}
	os.Exit(code)
}

// openFiles counts the process's descriptors; 0 where the system does not tell.
func openFiles() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}
