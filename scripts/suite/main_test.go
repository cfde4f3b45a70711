package main

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"
)

// A step is named before it runs, so that whoever waits knows for what.
func TestRunSteps(t *testing.T) {
	var out strings.Builder
	failed := runSteps(t.Context(), &out, []step{
		{"", "first", func(_ context.Context, t *tally) {
			if strings.HasSuffix(out.String(), " first ...\n") {
				t.passed++
			}
		}},
		{"", "second", func(_ context.Context, t *tally) { t.fail("a check", "got 1, want 2\n") }},
		{"", "third", func(context.Context, *tally) {}},
	})
	if failed != 2 {
		t.Errorf("got %d failed, want 2", failed)
	}
	want := regexp.MustCompile(`^ 1/3  first \.\.\.
first +\d+(ms|s)  1 passed
 2/3  second \.\.\.
second +\d+(ms|s)  1 failed
  FAIL a check
    \| got 1, want 2
 3/3  third \.\.\.
third +\d+(ms|s)  1 failed
  FAIL third
    \| nothing was checked
all +\d+s
1 passed, 2 failed
$`)
	if got := out.String(); !want.MatchString(got) {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestChosen(t *testing.T) {
	for group, want := range map[string][]string{
		"lint":    {"tools", "gofmt", "golangci-lint"},
		"unit":    {"tools", "go test -race"},
		"interop": {"npm packages", "build usher"},
		"quick":   {"gofmt", "go vet", "go test -short", "build usher", "interop handshake"},
	} {
		var names []string
		for _, s := range chosen(group) {
			names = append(names, s.name)
		}
		for _, name := range want {
			if !strings.Contains(strings.Join(names, "\n")+"\n", name+"\n") {
				t.Errorf("%s: got %q, want %s among them", group, names, name)
			}
		}
	}
	for _, name := range quickFiles {
		if _, err := os.Stat("../interop/" + name + ".test.js"); err != nil {
			t.Error(err)
		}
	}
}
