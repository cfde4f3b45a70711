//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// usherBinary is one usher to measure; several can be compared in a run.
type usherBinary struct {
	name string
	path string   // "" to build the tree
	env  []string // on top of the bench's own
}

// parseUshers reads the -usher flag: PATH, or NAME=[KEY=VALUE ...] PATH, with
// commas between several.
func parseUshers(text string) ([]usherBinary, error) {
	if text == "" {
		return []usherBinary{{name: "usher"}}, nil
	}
	var all []usherBinary
	for item := range strings.SplitSeq(text, ",") {
		name, rest, named := strings.Cut(item, "=")
		if !named {
			name, rest = "usher", item
		}
		words := strings.Fields(rest)
		if len(words) == 0 || name == "" {
			return nil, fmt.Errorf("-usher %q: want PATH or NAME=PATH", item)
		}
		last := len(words) - 1
		path, err := filepath.Abs(words[last])
		if err != nil {
			return nil, err
		}
		for _, word := range words[:last] {
			if !strings.Contains(word, "=") {
				return nil, fmt.Errorf("-usher %q: %q is not KEY=VALUE", item, word)
			}
		}
		all = append(all, usherBinary{name: name, path: path, env: words[:last]})
	}
	return all, nil
}

// buildUsher builds the tree the bench was started in, as a release is built.
func buildUsher(ctx context.Context, dir string) (string, error) {
	tree, err := findTree(ctx)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "usher")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", path, ".")
	cmd.Dir = tree
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build usher: %w\n%s", err, out)
	}
	return path, nil
}

// findTree returns the top of the tree that the bench was started in.
func findTree(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-f", "{{.Dir}}", "usher").Output()
	if err != nil {
		return "", fmt.Errorf("find the tree of usher: %w: start the bench inside it", err)
	}
	return strings.TrimSpace(string(out)), nil
}
