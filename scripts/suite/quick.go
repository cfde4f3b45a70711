package main

import (
	"context"
	"slices"
	"strings"
)

// quickFiles are the files of interop tests that stand for all of them: the two
// promises that whoever changes usher breaks first.
var quickFiles = []string{"handshake", "namespaces"}

// quickSteps are for the daily loop. What they leave out is what takes long:
// the race detector, tests that wait, linters that are built first, the packages.
func quickSteps() []step {
	all := []step{
		{"", "tools", checkTools},
		{"", "npm packages", installPackages},
		{"", "gofmt", checkFormat},
		{"", "go vet", func(ctx context.Context, t *tally) { t.check("go vet", command(ctx, "go", "vet", "./...")) }},
		{"", "go test -short", testShort},
		{"", "promises", testPromises},
		{"", "build usher", buildUsher},
	}
	for _, name := range quickFiles {
		all = append(all, fileStep(name))
	}
	return all
}

// slowPackages have tests that wait for processes, or for what takes its time.
var slowPackages = []string{"usher/proxy", "usher/proxy/command", "usher/proxy/doctor", "usher/scripts/bench"}

// testShort leaves slowPackages out.
func testShort(ctx context.Context, t *tally) {
	out, err := command(ctx, "go", "list", "./...").Output()
	if err != nil {
		t.fail("go list", err.Error())
		return
	}
	packages := slices.DeleteFunc(strings.Fields(string(out)), func(name string) bool { return slices.Contains(slowPackages, name) })
	t.goTest(command(ctx, "go", append([]string{"test", "-short", "-vet=off", "-json"}, packages...)...), nil)
}

// testPromises holds the whole server to what the README promises.
func testPromises(ctx context.Context, t *tally) {
	t.goTest(command(ctx, "go", "test", "-short", "-vet=off", "-json", "-run", "^(TestPromise|TestLayers|TestEcho)", "./proxy"), nil)
}
