// Package waittest has a test wait for what must come. Only tests import it.
package waittest

import (
	"testing"
	"time"
)

// Patience ends a test that hangs. How soon something comes is the machine's
// business: what is there ends the wait at once. It is shorter than the minute
// that a drain takes by itself, which would hide a stop that waits for it.
const Patience = 50 * time.Second

// Until waits until done returns true, and fails the test with what if that does
// not come.
func Until(t testing.TB, what string, done func() bool) {
	t.Helper()
	if !Soon(done) {
		t.Fatalf("%s: not within %v", what, Patience)
	}
}

// Equal waits until got returns want, and fails the test with what it has
// returned instead if that does not come.
func Equal[T comparable](t testing.TB, what string, want T, got func() T) {
	t.Helper()
	var last T
	if !Soon(func() bool { last = got(); return last == want }) {
		t.Fatalf("%s: got %v, want %v", what, last, want)
	}
}

// Soon waits until done returns true, and tells whether it has.
func Soon(done func() bool) bool { return within(Patience, done) }

// within looks often at first, and less often at what takes longer.
func within(limit time.Duration, done func() bool) bool {
	pause := time.Millisecond
	for deadline := time.Now().Add(limit); !done(); time.Sleep(pause) {
		if time.Now().After(deadline) {
			return false
		}
		pause = min(pause*5/4, 50*time.Millisecond)
	}
	return true
}
