package main

import (
	"bytes"
	"fmt"
	"os/exec"
)

// tally counts what one step has checked.
type tally struct {
	passed   int
	failures []failure
}

// failure is one check or test that did not pass.
type failure struct {
	name, details string
}

func (t *tally) fail(name, details string) {
	t.failures = append(t.failures, failure{name, details})
}

// String returns the counts, without those that are zero.
func (t *tally) String() string {
	switch {
	case len(t.failures) == 0:
		return fmt.Sprintf("%d passed", t.passed)
	case t.passed == 0:
		return fmt.Sprintf("%d failed", len(t.failures))
	default:
		return fmt.Sprintf("%d passed, %d failed", t.passed, len(t.failures))
	}
}

// check counts a command as one check: it passes if the command succeeds and
// prints nothing.
func (t *tally) check(name string, c *exec.Cmd) {
	out, err := c.CombinedOutput()
	switch {
	case err != nil:
		t.fail(name, fmt.Sprintf("%s%s: %v", out, c, err))
	case len(bytes.TrimSpace(out)) > 0:
		t.fail(name, string(out))
	default:
		t.passed++
	}
}
