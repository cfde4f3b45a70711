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

func TestSettingStandsLastAndOnce(t *testing.T) {
	for value, want := range map[string]string{
		"":                           Setting,
		"netdns=go":                  "netdns=go," + Setting,
		Setting:                      Setting, // of the usher before
		"netdns=go," + Setting:       "netdns=go," + Setting,
		"x" + Setting:                "x" + Setting + "," + Setting,
		Setting + ",http2xconnect=0": Setting + ",http2xconnect=0," + Setting,
	} {
		if got := with(value); got != want {
			t.Errorf("with %q: got %q, want %q", value, got, want)
		}
	}
}
