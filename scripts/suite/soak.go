package main

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"time"
)

const (
	soakTimeout = 5 * time.Minute
	soakSockets = "400" // under the race detector
)

// soakSteps is one step on Linux, whose means the faults need.
func soakSteps() []step {
	if runtime.GOOS != "linux" {
		return nil
	}
	return []step{{"interop", "soak", soak}}
}

// soak does to usher, once, what may happen to it, and counts the faults that
// it stood.
func soak(ctx context.Context, t *tally) {
	ctx, cancel := context.WithTimeout(ctx, soakTimeout)
	defer cancel()
	folder := filepath.Dir(executable()) // scripts/test removes it
	usher, driver := filepath.Join(folder, "usher-race"), filepath.Join(folder, "soak")
	t.check("go build -race", command(ctx, "go", "build", "-race", "-o", usher, "."))
	t.check("go build ./scripts/soak", command(ctx, "go", "build", "-o", driver, "./scripts/soak"))
	if len(t.failures) > 0 {
		return
	}
	out, err := command(ctx, driver, "-usher", usher, "-sockets", soakSockets).CombinedOutput()
	t.passed += bytes.Count(out, []byte("messages  ok\n"))
	if err != nil {
		t.fail("scripts/soak", fmt.Sprintf("%s%v", out, err))
	}
}
