package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// silence is how long a file of tests may go on without one of them ending: how
// long all of it takes depends on the machine.
const silence = 5 * time.Minute

// interopSteps is one step to build usher, one for each thing that its tests
// need beside it, and one for each file of tests.
func interopSteps() []step {
	all := []step{{"interop", "build usher", buildUsher}, {"interop", "chromium", installBrowser}, {"interop", "nginx", installProxy}, {"interop", "python", installPython}, {"interop", "oauth2-proxy", installLogins}}
	files, _ := filepath.Glob("scripts/interop/*.test.js") // the pattern is well-formed
	for _, file := range files {
		all = append(all, fileStep(strings.TrimSuffix(filepath.Base(file), ".test.js")))
	}
	return all
}

// usherBinary is the one that is tested; scripts/test removes its folder.
func usherBinary() string { return filepath.Join(filepath.Dir(executable()), "usher") }

func buildUsher(ctx context.Context, t *tally) {
	t.check("go build", command(ctx, "go", "build", "-o", usherBinary(), "."))
}

// fileStep runs scripts/interop/NAME.test.js.
func fileStep(name string) step {
	return step{"interop", "interop " + name, func(ctx context.Context, t *tally) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		file := filepath.Join("scripts", "interop", name+".test.js")
		c := environment(command(ctx, "node", "--test-reporter=./scripts/interop/reporter.mjs", file), "USHER="+usherBinary())
		t.nodeTest(c, cancel)
	}}
}

// nodeTest runs a file of tests and counts them. It calls giveUp, which is to
// end c, when no test has ended for long.
func (t *tally) nodeTest(c *exec.Cmd, giveUp func()) {
	var out, stderr bytes.Buffer
	heard := &watch{Writer: &out, timer: time.AfterFunc(silence, giveUp)}
	defer heard.timer.Stop()
	c.Stdout, c.Stderr = heard, &stderr
	err := c.Run()
	before := len(t.failures)
	t.readNodeTest(&out)
	if err != nil && len(t.failures) == before {
		t.fail(c.Args[len(c.Args)-1], fmt.Sprintf("%s%v", &stderr, err))
	}
}

// watch starts its timer anew with whatever is written.
type watch struct {
	io.Writer
	timer *time.Timer
}

func (w *watch) Write(p []byte) (int, error) {
	w.timer.Reset(silence)
	return w.Writer.Write(p)
}

// nodeEvent is a line of scripts/interop/reporter.mjs.
type nodeEvent struct {
	Name    string
	Outcome string // pass, fail, skip, or crash for what no test did
	Details string
}

func (t *tally) readNodeTest(r io.Reader) {
	for d := json.NewDecoder(r); ; {
		var e nodeEvent
		if err := d.Decode(&e); err != nil {
			if !errors.Is(err, io.EOF) {
				t.fail("node", err.Error())
			}
			return
		}
		switch e.Outcome {
		case "pass":
			t.passed++
		case "skip":
			t.fail(e.Name, "skipped")
		default:
			t.fail(e.Name, e.Details)
		}
	}
}

func executable() string {
	name, err := os.Executable()
	if err != nil {
		return os.TempDir()
	}
	return name
}
