package main

import (
	"context"
	"fmt"
	"os/exec"
)

func checkFormat(ctx context.Context, t *tally) {
	t.check("gofmt -l", command(ctx, "gofmt", "-l", "main.go", "proxy", "scripts"))
}

func checkVet(ctx context.Context, t *tally) {
	t.check("go vet", command(ctx, "go", "vet", "./..."))
	t.check("go vet -tags portable", command(ctx, "go", "vet", "-tags", "portable", "./..."))
}

func checkFix(ctx context.Context, t *tally) {
	t.check("go fix -diff", command(ctx, "go", "fix", "-diff", "./..."))
}

// buildElsewhere compiles for the systems that developers have.
func buildElsewhere(ctx context.Context, t *tally) {
	for _, system := range []string{"darwin", "windows"} {
		c := environment(command(ctx, "go", "build", "./..."), "GOOS="+system, "CGO_ENABLED=0")
		t.check("GOOS="+system+" go build", c)
	}
}

// runLinters builds the pinned linters, which takes minutes when Go's build
// cache is empty, and runs them over both pollers.
func runLinters(ctx context.Context, t *tally) {
	t.linter(golangci(ctx, "./..."))
	t.linter(golangci(ctx, "--build-tags", "portable", "./..."))
}

func (t *tally) linter(c *exec.Cmd) {
	out, err := c.CombinedOutput()
	if err != nil {
		t.fail("golangci-lint", fmt.Sprintf("%s%v", out, err))
		return
	}
	t.passed++
}

func golangci(ctx context.Context, args ...string) *exec.Cmd {
	args = append([]string{"tool", "-modfile=scripts/tools.mod", "golangci-lint", "run", "--allow-parallel-runners"}, args...)
	return command(ctx, "go", args...)
}
