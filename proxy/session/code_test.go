package session

import "testing"

func TestViolation(t *testing.T) {
	for code, want := range map[uint16]Event{1002: Protocol, 1003: Protocol, 1007: Protocol, 1008: TooBig, 1009: TooBig} {
		if got := Violation(code); got != want {
			t.Errorf("%d: got %s, want %s", code, got, want)
		}
	}
}
