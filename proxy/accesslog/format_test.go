package accesslog

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// What a client says can neither end its place in a line nor move a terminal.
func TestFormats(t *testing.T) {
	l := &Line{client: "192.0.2.1", method: "GET", target: "/a\"\n\x1b[1m\u202e?token=x", proto: "HTTP/1.1", agent: "\xff\\ \u0085"}
	for name, appended := range map[string][]byte{"json": appendJSON(nil, l), "combined": appendCombined(nil, l)} {
		text, whole := strings.CutSuffix(string(appended), "\n")
		if !whole || strings.ContainsAny(text, "\n\x1b\u202e\u0085") || !utf8.ValidString(text) || strings.Contains(text, "=x") || !strings.Contains(text, "499") {
			t.Errorf("%s: got %q", name, text)
		}
	}
}
