// Command suite runs every check and test of the repository and counts them.
// scripts/test builds and starts it at the top of the repository.
//
// Nothing is skipped: a tool that is missing, a test that does not run and a
// test that is skipped without a listed reason are failures.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// step is one that the output names.
type step struct {
	group string // what it can be chosen by; "" always runs
	name  string
	run   func(context.Context, *tally)
}

const usage = `usage: scripts/test [quick | lint | unit | interop | package]

Without a word everything runs. quick is for the daily loop: format, vet, the
unit tests of most packages without the race detector, the promises, and two
files of interop, in less than two minutes. The others are parts of the whole.
`

func main() {
	group := strings.Join(os.Args[1:], " ")
	switch group {
	case "", "quick", "lint", "unit", "interop", "package":
	case "help", "-h", "--help":
		fmt.Print(usage)
		return
	default:
		fmt.Fprintf(os.Stderr, "%q is none of the parts\n%s", group, usage)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if runSteps(ctx, os.Stdout, chosen(group)) > 0 {
		os.Exit(1)
	}
}

// runSteps runs steps until ctx is over, tells of each on w, and returns how
// many checks failed.
func runSteps(ctx context.Context, w io.Writer, all []step) (failed int) {
	begin := time.Now()
	passed := 0
	for i, s := range all {
		if ctx.Err() != nil {
			failed++
			break
		}
		fmt.Fprintf(w, "%2d/%d  %s ...\n", i+1, len(all), s.name)
		t := runStep(ctx, w, s)
		passed += t.passed
		failed += len(t.failures)
	}
	fmt.Fprintf(w, "%-28s %8s\n", "all", time.Since(begin).Round(time.Second))
	fmt.Fprintf(w, "%d passed, %d failed\n", passed, failed)
	return failed
}

// chosen returns the steps of a group.
func chosen(group string) []step {
	switch group {
	case "":
		return steps()
	case "quick":
		return quickSteps()
	}
	return slices.DeleteFunc(steps(), func(s step) bool { return s.group != "" && s.group != group })
}

// steps are in the order that finds faults soonest: building the linters from
// source takes longer than all that stands before them.
func steps() []step {
	all := []step{
		{"", "tools", checkTools},
		{"", "go modules", downloadModules},
		{"", "npm packages", installPackages},
		{"lint", "gofmt", checkFormat},
		{"lint", "go vet", checkVet},
		{"lint", "go fix", checkFix},
		{"lint", "other systems", buildElsewhere},
		{"unit", "go test -race", testAll},
		{"unit", "portable poller", testPortable},
		{"unit", "fuzz targets", fuzzAll},
	}
	all = append(all, packageSteps()...)
	all = append(all, interopSteps()...)
	all = append(all, soakSteps()...)
	return append(all, step{"lint", "golangci-lint", runLinters})
}

func runStep(ctx context.Context, w io.Writer, s step) *tally {
	t := &tally{}
	begin := time.Now()
	s.run(ctx, t)
	if t.passed == 0 && len(t.failures) == 0 {
		t.fail(s.name, "nothing was checked")
	}
	took := time.Since(begin).Round(100 * time.Millisecond)
	fmt.Fprintf(w, "%-28s %8s  %s\n", s.name, took, t)
	for _, f := range t.failures {
		fmt.Fprintf(w, "  FAIL %s\n%s", f.name, indent(f.details))
	}
	return t
}

func indent(text string) string {
	if strings.TrimSpace(text) == "" {
		return ""
	}
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return "    | " + strings.Join(lines, "\n    | ") + "\n"
}
