package line

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"usher/proxy/command"
)

// TestMain is no usher: the demo's services are the program itself, which here would
// be the tests, again and again.
func TestMain(m *testing.M) {
	if slices.Contains(os.Args, command.DemoServiceVerb) {
		os.Exit(2)
	}
	os.Exit(m.Run())
}

// call runs a command line and returns what it has written, and its exit status.
func call(t *testing.T, words ...string) (out, complaint string, status int) {
	t.Helper()
	a := app()
	var stdout, stderr bytes.Buffer
	a.Writer, a.ErrWriter = &stdout, &stderr
	err := a.RunContext(t.Context(), flagsFirst(a, append([]string{"usher"}, words...)))
	status = command.Report(&stderr, err)
	return stdout.String(), stderr.String(), status
}

// TestRefusals makes every mistake with every verb: each is told with what to type
// instead, and nothing is done.
func TestRefusals(t *testing.T) {
	whole := app()
	for _, v := range whole.Commands {
		if v.Hidden {
			continue
		}
		lines := [][]string{{v.Name, "a", "b"}, {v.Name, "--frobnicate"}, {v.Name, "a", "--frobnicate=1", "b"}, {v.Name, "---"}}
		if v.ArgsUsage == "" {
			lines = append(lines, []string{v.Name, "a"}, []string{v.Name, "x.yaml"})
		} else if !strings.HasPrefix(v.ArgsUsage, "[") {
			lines = append(lines, []string{v.Name})
		}
		for _, f := range v.Flags {
			name := "--" + f.Names()[0]
			switch f.(type) {
			case *cli.BoolFlag:
				lines = append(lines, []string{v.Name, name + "=maybe"})
			case *cli.IntFlag, *cli.DurationFlag:
				lines = append(lines, []string{v.Name, name, "many"}, []string{v.Name, "a", name})
			default:
				lines = append(lines, []string{v.Name, "a", name})
			}
		}
		for _, line := range lines {
			wantRefused(t, line, "usher "+v.Name)
		}
	}
	for _, tt := range []struct{ line, want string }{
		{"chekc", `did you mean "check"?`},
		{"nonsense", "usher help"},
		{"--frobnicate", "usher --help"},
		{"--rotues x check", "--routes"},
		{"check --config x", "--routes"},
		{"check --version", "usher version"},
		{"--routes", "usher --routes FILE"},
		{"--version run", "usher --version, or usher run"},
		{"completion tcsh", "usher completion bash"},
		{"status x.yaml", "usher status --routes x.yaml"},
		{"status --limit 4", "usher status --ended --limit 4"},
		{"status --admin nonsense", "http://HOST:PORT"},
		{"status --admin http://a:secret@h:1/", "USHER_TOKEN"},
		{"status --admin https://h/usher", "--admin https://h"},
		{"tap --limit -1", "usher tap --limit 10"},
		{"close", "--header"},
		{"close 4f --route /a", "usher close 4f"},
		{"drain", "--all"},
		{"drain --all --route /", "usher drain --all"},
		{"drain --route / --upstream a", "usher drain --route ROUTE"},
		{"drain --route / --undo --wait", "leave out --wait"},
		{"explain /path", "wss://app.example.com/path"},
		{"explain http://[::1", "wss://"},
		{"doctor nonsense", "usher doctor http://"},
		{"doctor --timeout -1s http://127.0.0.1:1", "--timeout 5s"},
	} {
		wantRefused(t, strings.Fields(tt.line), tt.want)
	}
}

func wantRefused(t *testing.T, line []string, want string) {
	t.Helper()
	out, complaint, status := call(t, line...)
	_, hint, ok := strings.Cut(complaint, "\n  hint: ")
	if status != 2 || out != "" || !ok || !strings.Contains(hint, want) && !strings.Contains(hint, "did you mean") || !strings.HasPrefix(complaint, "usher: ") {
		t.Errorf("usher %s: got exit status %d and\n%s%s\nwant 2 and a hint with %q", strings.Join(line, " "), status, out, complaint, want)
	}
	if strings.Contains(complaint, "secret") {
		t.Errorf("usher %s: it shows a secret: %s", strings.Join(line, " "), complaint)
	}
}

// TestShells completes all verbs and flags, and knows which shells there are.
func TestShells(t *testing.T) {
	for _, shell := range shells {
		out, complaint, status := call(t, "completion", shell)
		if status != 0 || complaint != "" {
			t.Fatalf("completion %s: got exit status %d, %s", shell, status, complaint)
		}
		for _, v := range app().Commands {
			if !v.Hidden && !strings.Contains(out, v.Name) {
				t.Errorf("completion %s: got no %s", shell, v.Name)
			}
			for _, f := range v.Flags {
				if name := f.Names()[0]; !v.Hidden && !strings.Contains(out, name) {
					t.Errorf("completion %s: got no --%s of %s", shell, name, v.Name)
				}
			}
		}
		if strings.Contains(out, command.DemoServiceVerb) {
			t.Errorf("completion %s: it has what nobody types", shell)
		}
	}
}

// TestMan makes a page of what the verbs say of themselves.
func TestMan(t *testing.T) {
	out, _, status := call(t, "man")
	for _, want := range []string{".TH", "explain", "--routes", "sessions"} {
		if status != 0 || !strings.Contains(out, want) {
			t.Errorf("got exit status %d and no %q", status, want)
		}
	}
}

// TestVersion prints one line, by each of its names.
func TestVersion(t *testing.T) {
	want, _, _ := call(t, "version")
	for _, flag := range []string{"--version", "-v"} {
		if out, complaint, status := call(t, flag); status != 0 || out != want || !strings.HasPrefix(out, "usher ") {
			t.Errorf("%s: got exit status %d and %q%s, want %q", flag, status, out, complaint, want)
		}
	}
}
