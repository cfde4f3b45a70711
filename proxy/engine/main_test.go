package engine

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
)

// TestMain fails the package when a test leaves goroutines behind.
func TestMain(m *testing.M) {
	before := runtime.NumGoroutine()
	code := m.Run()
	if flag.Lookup("test.fuzz").Value.String() != "" {
		os.Exit(code) // fuzzing has goroutines of its own
	}
	for deadline := time.Now().Add(3 * time.Second); runtime.NumGoroutine() > before; {
		if time.Now().After(deadline) {
			stack := make([]byte, 1<<16)
			fmt.Fprintf(os.Stderr, "goroutines leaked: got %d, want %d\n%s\n",
				runtime.NumGoroutine(), before, stack[:runtime.Stack(stack, true)])
			os.Exit(1)
		}
		time.Sleep(5 * time.Millisecond)
	}
	os.Exit(code)
}
