package h2connect

import (
	"os"
	"strings"
	"testing"
)

// TestSetting is the small half: that it came before net/http read it is told
// by the tests of package proxy, from the wire.
func TestSetting(t *testing.T) {
	if got := os.Getenv("GODEBUG"); !strings.HasSuffix(got, Setting) {
		t.Errorf("GODEBUG: got %q, want %s in it", got, Setting)
	}
}
