package command_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// corpusEnv is the environment that the files of config's corpus are written
// for.
var corpusEnv = []string{
	"UPSTREAM=main", "PORT=3001", "COUNT=12", "FLAG=true", "EMPTY=", "YAML=[main, {a: b}]",
	"SECRET=hunter2", "LINES=hunter2\r\nX-Evil: 1", "NOWHERE=hunter2",
	"FLEET=hunter2 and more, 32 bytes at least",
}

// TestCheckCorpus has "usher check" say of each bad file what the file wants.
func TestCheckCorpus(t *testing.T) {
	files, err := filepath.Glob("../config/testdata/bad/*.yaml")
	if err != nil || len(files) < 45 {
		t.Fatalf("got %d files, %v, want 45 at least", len(files), err)
	}
	dir := t.TempDir()
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "routes.yaml"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		var want []string
		for line := range strings.Lines(string(text)) {
			if w, ok := strings.CutPrefix(line, "# want: "); ok {
				want = append(want, strings.TrimSuffix(w, "\n"))
			}
		}
		var said bytes.Buffer
		cmd := exec.Command(usher, "check")
		cmd.Dir, cmd.Env, cmd.Stderr = dir, corpusEnv, &said
		err = cmd.Run()
		if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 {
			t.Errorf("%s: got %v, want exit status 1", filepath.Base(file), err)
		}
		got, rest, _ := strings.Cut(said.String(), "usher: the routes file has ")
		if got != strings.Join(want, "\n")+"\n" || rest == "" {
			t.Errorf("%s: got\n%s%s\nwant\n%s", filepath.Base(file), got, rest, strings.Join(want, "\n"))
		}
	}
}
