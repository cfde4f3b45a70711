package main

import "context"

// quickFiles are the files of interop tests that stand for all of them: the two
// promises that whoever changes usher breaks first.
var quickFiles = []string{"handshake", "namespaces"}

// quickSteps are for the daily loop. What they leave out is what takes long:
// the race detector, long tests, linters that are built first, the packages.
func quickSteps() []step {
	all := append(prepareSteps(), []step{
		{"", "gofmt", checkFormat},
		{"", "go vet", func(ctx context.Context, t *tally) { t.check("go vet", command(ctx, "go", "vet", "./...")) }},
		{"", "go test -short", testShort},
		{"", "build usher", buildUsher},
	}...)
	for _, name := range quickFiles {
		all = append(all, fileStep(name))
	}
	return all
}

// testShort vets nothing: go vet has.
func testShort(ctx context.Context, t *tally) {
	t.goTest(command(ctx, "go", "test", "-short", "-vet=off", "-json", "./..."), nil)
}
