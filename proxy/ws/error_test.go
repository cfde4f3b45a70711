package ws

import (
	"errors"
	"fmt"
	"testing"
)

func TestBlame(t *testing.T) {
	for _, tt := range []struct {
		err    error
		code   Code
		reason string
	}{
		{broken(CodeTooBig, "message of %d bytes", 7), CodeTooBig, "message of 7 bytes"},
		{fmt.Errorf("leg 3: %w", broken(CodePolicy, "rule")), CodePolicy, "rule"},
		{errors.New("other"), CodeProtocolError, "other"},
	} {
		if code, reason := Blame(tt.err); code != tt.code || reason != tt.reason {
			t.Errorf("%v: got %d %q, want %d %q", tt.err, code, reason, tt.code, tt.reason)
		}
	}
}
