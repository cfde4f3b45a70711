package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
)

// packageTimeout is for a package that hangs: one that only has little of the
// machine may take as long as it needs.
const packageTimeout = "30m"

// testAll vets nothing: go vet has.
func testAll(ctx context.Context, t *tally) {
	skips := reasons{"usher/proxy/command.TestUpgradeSkew": "a clone without history has no earlier usher"}
	t.goTest(command(ctx, "go", "test", "-race", "-vet=off", "-timeout="+packageTimeout, "-json", "./..."), skips)
}

func testPortable(ctx context.Context, t *tally) {
	skips := reasons{
		"usher/proxy/relay.TestEchoAllocatesNothing": "promised for epoll only: waiting by closures allocates",
		"usher/proxy/relay.TestDialOfNoAddress":      "package net, which dials there, takes them all",
	}
	t.goTest(command(ctx, "go", "test", "-race", "-vet=off", "-json", "-tags", "portable", "./proxy/relay/..."), skips)
}

// reasons says why tests may be skipped, by package and name.
type reasons map[string]string

// goTest runs a "go test -json" and counts its tests.
func (t *tally) goTest(c *exec.Cmd, skips reasons) {
	var out, stderr bytes.Buffer
	c.Stdout, c.Stderr = &out, &stderr
	err := c.Run()
	before := len(t.failures)
	t.readGoTest(&out, skips)
	if err != nil && len(t.failures) == before {
		t.fail("go test", fmt.Sprintf("%s%s: %v", &stderr, c, err))
	}
}

// goEvent is a line of "go test -json" (go doc test2json).
type goEvent struct {
	Action      string
	Package     string
	ImportPath  string // of build-output, instead of Package
	Test        string
	Output      string
	FailedBuild string
}

// goPackage is what is known of a package before its end.
type goPackage struct {
	outcome map[string]string // by test: pass, fail or skip
	output  map[string]string // by test; "" is the package's own
}

// readGoTest counts the tests in the output of "go test -json". Only leaves
// count: a test with subtests is counted if it failed by itself.
func (t *tally) readGoTest(r io.Reader, skips reasons) {
	packages := map[string]*goPackage{}
	builds := map[string]string{} // compiler output
	for d := json.NewDecoder(r); ; {
		var e goEvent
		if err := d.Decode(&e); err != nil {
			if err != io.EOF {
				t.fail("go test -json", err.Error())
			}
			return
		}
		p := packages[e.Package]
		if p == nil {
			p = &goPackage{map[string]string{}, map[string]string{}}
			packages[e.Package] = p
		}
		switch e.Action {
		case "build-output":
			builds[e.ImportPath] += e.Output
		case "output":
			p.output[e.Test] += e.Output
		case "pass", "fail", "skip":
			if e.Test != "" {
				p.outcome[e.Test] = e.Action
			} else {
				t.endPackage(e, p, skips, builds[e.FailedBuild])
			}
		}
	}
}

// endPackage counts a package's tests once it has ended.
func (t *tally) endPackage(end goEvent, p *goPackage, skips reasons, build string) {
	before := len(t.failures)
	for _, test := range sortedKeys(p.outcome) {
		name := end.Package + "." + test
		switch outcome := p.outcome[test]; {
		case outcome == "fail" && !p.subtest(test, "fail"):
			t.fail(name, p.output[test])
		case p.subtest(test, ""):
		case outcome == "skip" && skips[name] == "":
			t.fail(name, "skipped without a listed reason\n"+p.output[test])
		case outcome == "pass":
			t.passed++
		}
	}
	if end.Action == "fail" && len(t.failures) == before {
		t.fail(end.Package, build+p.output[""]+p.unfinished())
	}
}

// subtest reports whether test has a subtest with this outcome; "" is any.
func (p *goPackage) subtest(test, outcome string) bool {
	for name, o := range p.outcome {
		if strings.HasPrefix(name, test+"/") && (outcome == "" || o == outcome) {
			return true
		}
	}
	return false
}

// unfinished is the output of the tests that a crash has cut off.
func (p *goPackage) unfinished() string {
	var all strings.Builder
	for _, test := range sortedKeys(p.output) {
		if test != "" && p.outcome[test] == "" {
			all.WriteString(p.output[test])
		}
	}
	return all.String()
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
