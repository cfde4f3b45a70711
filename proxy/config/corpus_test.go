package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// testEnv is the environment of every file in testdata.
func testEnv(name string) (string, bool) {
	held, ok := map[string]string{
		"UPSTREAM": "main",
		"PORT":     "3001",
		"COUNT":    "12",
		"FLAG":     "true",
		"EMPTY":    "",
		"YAML":     "[main, {a: b}]",
		"SECRET":   "hunter2",
		"LINES":    "hunter2\r\nX-Evil: 1",
		"NOWHERE":  "hunter2",
		"FLEET":    "hunter2 and more, 32 bytes at least",
	}[name]
	return held, ok
}

func parseFile(t testing.TB, file string) (*Config, string, error) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Parse("routes.yaml", text, testEnv)
	return c, string(text), err
}

func corpus(t testing.TB, folder string, least int) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", folder, "*.yaml"))
	if err != nil || len(files) < least {
		t.Fatalf("testdata/%s: got %d files, %v, want %d at least", folder, len(files), err, least)
	}
	return files
}

// TestBad holds each file in testdata/bad to its "# want:" lines: all of the
// messages, in order, and no other.
func TestBad(t *testing.T) {
	for _, file := range corpus(t, "bad", 45) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			c, text, err := parseFile(t, file)
			var want []string
			for line := range strings.Lines(text) {
				if w, ok := strings.CutPrefix(line, "# want: "); ok {
					want = append(want, strings.TrimSuffix(w, "\n"))
				}
			}
			if c != nil || err == nil || len(want) == 0 {
				t.Fatalf("got %v, %v, want %d errors, more than none", c, err, len(want))
			}
			if err.Error() != strings.Join(want, "\n") {
				t.Errorf("got\n%v\nwant\n%s", err, strings.Join(want, "\n"))
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got an error that shows what the environment holds: %v", err)
			}
			wantInside(t, err, text)
		})
	}
}

// wantInside checks that err is Errors, in order, each at a place that exists.
func wantInside(t *testing.T, err error, text string) {
	t.Helper()
	list, ok := errors.AsType[Errors](err)
	if !ok || len(list) == 0 {
		t.Fatalf("got %T %v, want Errors", err, err)
	}
	lines := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n").Replace(text), "\n")
	before := Position{1, 1}
	for _, e := range list {
		if e.Line < 1 || e.Line > len(lines) || e.Column < 1 || e.Column > len([]rune(lines[e.Line-1]))+1 {
			t.Errorf("%v: no such place in the file", e)
		}
		if e.Line < before.Line || (e.Line == before.Line && e.Column < before.Column) {
			t.Errorf("%v: stands behind %v", e, before)
		}
		if e.Text == "" || e.File == "" {
			t.Errorf("got %+v without text or file", e)
		}
		before = e.Position
	}
}

func TestGood(t *testing.T) {
	for _, file := range append(corpus(t, "good", 8), "../../routes.yaml") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			if c, _, err := parseFile(t, file); err != nil || c == nil {
				t.Fatalf("got %v, want a Config", err)
			}
		})
	}
}
