// Package leaktest fails the tests of a package that leave goroutines behind.
// Only tests import it.
package leaktest

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
)

// patience is how long what the tests have stopped may take to end.
const patience = 5 * time.Second

// Main runs the tests of m and returns the exit code: 1 also if more goroutines
// run in the end than before.
func Main(m *testing.M) int {
	before := runtime.NumGoroutine()
	code := m.Run()
	if flag.Lookup("test.fuzz").Value.String() != "" {
		return code // fuzzing has goroutines of its own
	}
	if leak := wait(before, patience); leak != "" {
		fmt.Fprintln(os.Stderr, leak)
		return 1
	}
	return code
}

// wait waits until no more than want goroutines run, and says which do if that
// does not come within the given time.
func wait(want int, within time.Duration) string {
	for deadline := time.Now().Add(within); ; time.Sleep(5 * time.Millisecond) {
		got := runtime.NumGoroutine()
		if got <= want {
			return ""
		}
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<18)
			return fmt.Sprintf("goroutines leaked: got %d, want %d\n%s", got, want, stacks[:runtime.Stack(stacks, true)])
		}
	}
}
