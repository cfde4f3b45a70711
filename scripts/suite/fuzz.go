package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"sync"
)

const fuzzTime = "3s"

// fuzzAll runs every fuzz target for a short while. A target that fails leaves
// its input in testdata/fuzz, where it becomes a test.
func fuzzAll(ctx context.Context, t *tally) {
	// With -race, since that is what the tests before were built with.
	list := command(ctx, "go", "test", "-race", "-json", "-list", "^Fuzz", "./...")
	out, err := list.Output()
	if err != nil {
		t.fail("go test -list ^Fuzz", err.Error())
		return
	}
	// One target is linked while another runs.
	next := make(chan fuzzTarget)
	var running sync.WaitGroup
	var mu sync.Mutex
	for range runtime.GOMAXPROCS(0) {
		running.Go(func() {
			for target := range next {
				err := fuzz(ctx, target)
				mu.Lock()
				t.assert(target.pkg+"."+target.name, err)
				mu.Unlock()
			}
		})
	}
	for _, target := range fuzzTargets(out) {
		next <- target
	}
	close(next)
	running.Wait()
}

type fuzzTarget struct {
	pkg, name string
}

// fuzzTargets reads the output of "go test -json -list".
func fuzzTargets(out []byte) []fuzzTarget {
	var all []fuzzTarget
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var e goEvent
		if d.Decode(&e) != nil {
			return all
		}
		if name := strings.TrimSpace(e.Output); strings.HasPrefix(name, "Fuzz") {
			all = append(all, fuzzTarget{e.Package, name})
		}
	}
}

// fuzz runs one target, by one worker.
func fuzz(ctx context.Context, target fuzzTarget) error {
	out, err := command(ctx, "go", "test", "-run", "^$", "-fuzz", "^"+target.name+"$", "-parallel", "1",
		"-fuzztime", fuzzTime, "-fuzzminimizetime", "1s", "-vet=off", target.pkg).CombinedOutput()
	if err != nil && !timeIsUp(string(out)) {
		return fmt.Errorf("%s%w", out, err)
	}
	return nil
}

// timeIsUp recognizes the end of the fuzz time that Go before 1.27 reports as a
// failure when the machine is busy (go.dev/issue/75804). No input has failed
// then; one that hangs is reported with other words.
func timeIsUp(out string) bool {
	return strings.Contains(out, "\n    context deadline exceeded\nFAIL\n") && !strings.Contains(out, "Failing input")
}
