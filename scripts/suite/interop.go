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

const interopTimeout = 5 * time.Minute // for one file

// interopSteps is one step to build usher, one for each thing that its tests
// need beside it, and one for each file of tests.
func interopSteps() []step {
	binary := filepath.Join(filepath.Dir(executable()), "usher") // scripts/test removes the folder
	build := func(ctx context.Context, t *tally) {
		t.check("go build", command(ctx, "go", "build", "-o", binary, "."))
	}
	all := []step{{"interop", "build usher", build}, {"interop", "chromium", installBrowser}, {"interop", "nginx", installProxy}, {"interop", "python", installPython}}
	files, _ := filepath.Glob("scripts/interop/*.test.js") // the pattern is well-formed
	for _, file := range files {
		name := "interop " + strings.TrimSuffix(filepath.Base(file), ".test.js")
		all = append(all, step{"interop", name, func(ctx context.Context, t *tally) {
			ctx, cancel := context.WithTimeout(ctx, interopTimeout)
			defer cancel()
			c := command(ctx, "node", "--test-reporter=./scripts/interop/reporter.mjs", file)
			t.nodeTest(environment(c, "USHER="+binary))
		}})
	}
	return all
}

// nodeTest runs a file of tests and counts them.
func (t *tally) nodeTest(c *exec.Cmd) {
	var out, stderr bytes.Buffer
	c.Stdout, c.Stderr = &out, &stderr
	err := c.Run()
	before := len(t.failures)
	t.readNodeTest(&out)
	if err != nil && len(t.failures) == before {
		t.fail(c.Args[len(c.Args)-1], fmt.Sprintf("%s%v", &stderr, err))
	}
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
