package command

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestHelp(t *testing.T) {
	out := newTestOutput(t)
	for verb, want := range map[bool]string{false: "", true: "\nThere is a verb of that name, too: `usher tls --help`.\n"} {
		var b bytes.Buffer
		if err := Help(&b, out, HelpOptions{Topic: "tls", Verb: verb}); err != nil {
			t.Fatal(err)
		}
		if text := b.String(); !strings.HasPrefix(text, "# TLS") || !strings.HasSuffix(text, want) || strings.Contains(text, "too: `usher tls") != verb {
			t.Errorf("with a verb %v: got %q", verb, text)
		}
	}
	var usage *UsageError
	if err := Help(&bytes.Buffer{}, out, HelpOptions{Topic: "nothing"}); !errors.As(err, &usage) || !strings.Contains(usage.Hint, "routes, socketio") {
		t.Errorf("got %v, want the topics that there are", err)
	}
}

func newTestOutput(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// TestPage runs pagers that do not wait for keys.
func TestPage(t *testing.T) {
	for _, pager := range []string{"tee", "env", "true"} {
		if _, err := exec.LookPath(pager); err != nil {
			t.Fatal(err)
		}
	}
	long := strings.Repeat("line\n", 1<<18)
	for _, c := range []struct {
		pager, less, text string
		err               error
		want              string
	}{
		{pager: "tee -i", text: "text\n", want: "text\n"},
		{pager: "env", text: "text\n", want: "LESS=FRX\n"},
		{pager: "env", less: "X", text: "text\n", want: "LESS=X\n"},
		{pager: "true", text: long}, // left early
		{pager: "", text: "text\n", err: errNoPager},
		{pager: "cat", text: "text\n", err: errNoPager},
		{pager: "no-such-pager", text: "text\n", err: exec.ErrNotFound},
	} {
		t.Setenv("PAGER", c.pager)
		t.Setenv("LESS", c.less)
		if c.less == "" {
			os.Unsetenv("LESS")
		}
		out := newTestOutput(t)
		if err := page(out, c.text); !errors.Is(err, c.err) {
			t.Errorf("%q: got %v, want %v", c.pager, err, c.err)
		}
		got, err := os.ReadFile(out.Name())
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(got), c.want) || c.err != nil && len(got) > 0 {
			t.Errorf("%q: got %q, want %q", c.pager, got, c.want)
		}
	}
}
