// Command suite runs every check and test of the repository and counts them.
// scripts/test builds and starts it at the top of the repository.
//
// Nothing is skipped: a tool that is missing, a test that does not run and a
// test that is skipped without a listed reason are failures.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// step is one line of the output.
type step struct {
	group string // what it can be chosen by; "" always runs
	name  string
	run   func(context.Context, *tally)
}

func main() {
	group := strings.Join(os.Args[1:], " ")
	switch group {
	case "", "lint", "unit", "interop", "package":
	default:
		fmt.Fprintf(os.Stderr, "usage: scripts/test [lint | unit | interop | package], not %q\n", group)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	begin := time.Now()
	passed, failed := 0, 0
	for _, s := range steps() {
		if ctx.Err() != nil {
			failed++
			break
		}
		if s.group != "" && group != "" && s.group != group {
			continue
		}
		t := runStep(ctx, s)
		passed += t.passed
		failed += len(t.failures)
	}
	fmt.Printf("%-28s %8s\n", "all", time.Since(begin).Round(time.Second))
	fmt.Printf("%d passed, %d failed\n", passed, failed)
	if failed > 0 {
		os.Exit(1)
	}
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

func runStep(ctx context.Context, s step) *tally {
	t := &tally{}
	begin := time.Now()
	s.run(ctx, t)
	if t.passed == 0 && len(t.failures) == 0 {
		t.fail(s.name, "nothing was checked")
	}
	took := time.Since(begin).Round(100 * time.Millisecond)
	fmt.Printf("%-28s %8s  %s\n", s.name, took, t)
	for _, f := range t.failures {
		fmt.Printf("  FAIL %s\n%s", f.name, indent(f.details))
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
