package main

import (
	"slices"
	"strings"
	"testing"
)

func names(t *tally) []string {
	var all []string
	for _, f := range t.failures {
		all = append(all, f.name)
	}
	return all
}

func TestReadGoTest(t *testing.T) {
	tests := []struct {
		name, output string
		passed       int
		failed       []string
		details      string // of the first failure
	}{
		{
			name: "leaves count, their parents do not",
			output: `{"Action":"pass","Package":"p","Test":"TestA/x"}
{"Action":"pass","Package":"p","Test":"TestA/y"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Test":"TestAB"}
{"Action":"pass","Package":"p"}`,
			passed: 3,
		},
		{
			name: "a subtest fails",
			output: `{"Action":"output","Package":"p","Test":"TestA/x","Output":"got 1, want 2\n"}
{"Action":"fail","Package":"p","Test":"TestA/x"}
{"Action":"pass","Package":"p","Test":"TestA/y"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}`,
			passed:  1,
			failed:  []string{"p.TestA/x"},
			details: "got 1, want 2",
		},
		{
			name: "a parent fails by itself",
			output: `{"Action":"pass","Package":"p","Test":"TestA/x"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}`,
			passed: 1,
			failed: []string{"p.TestA"},
		},
		{
			name: "a skipped test is a failure",
			output: `{"Action":"skip","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p"}`,
			failed: []string{"p.TestA"},
		},
		{
			name: "a skipped test with a listed reason is none",
			output: `{"Action":"skip","Package":"p","Test":"TestListed"}
{"Action":"pass","Package":"p"}`,
		},
		{
			name: "a package without tests is none",
			output: `{"Action":"output","Package":"p","Output":"?   \tp\t[no test files]\n"}
{"Action":"skip","Package":"p"}`,
		},
		{
			name: "a package does not compile",
			output: `{"ImportPath":"p [p.test]","Action":"build-output","Output":"a.go:1:1: undefined: x\n"}
{"ImportPath":"p [p.test]","Action":"build-fail"}
{"Action":"fail","Package":"p","FailedBuild":"p [p.test]"}`,
			failed:  []string{"p"},
			details: "undefined: x",
		},
		{
			name: "a process dies in a test",
			output: `{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestB","Output":"fatal error: all goroutines are asleep\n"}
{"Action":"fail","Package":"p"}`,
			passed:  1,
			failed:  []string{"p"},
			details: "all goroutines are asleep",
		},
		{
			name:   "the output is cut off",
			output: `{"Action":"pass","Package":"p","Te`,
			failed: []string{"go test -json"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got tally
			got.readGoTest(strings.NewReader(tt.output), reasons{"p.TestListed": "cannot be here"})
			wantTally(t, &got, tt.passed, tt.failed, tt.details)
		})
	}
}

func TestReadNodeTest(t *testing.T) {
	output := `{"name":"a > b","outcome":"pass"}
{"name":"c","outcome":"fail","details":"Error: no"}
{"name":"d","outcome":"skip"}`
	var got tally
	got.readNodeTest(strings.NewReader(output))
	wantTally(t, &got, 1, []string{"c", "d"}, "Error: no")
}

func TestFuzzTargets(t *testing.T) {
	output := `{"Action":"output","Package":"p","Output":"FuzzA\n"}
{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}
{"Action":"output","Package":"q","Output":"FuzzB\n"}`
	want := []fuzzTarget{{"p", "FuzzA"}, {"q", "FuzzB"}}
	if got := fuzzTargets([]byte(output)); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestTimeIsUp(t *testing.T) {
	tests := []struct {
		output string
		want   bool
	}{
		{"--- FAIL: FuzzA (3.94s)\n    context deadline exceeded\nFAIL\nexit status 1\n", true},
		{"--- FAIL: FuzzA (0.10s)\n    --- FAIL: FuzzA (0.00s)\n        got 1, want 2\n    Failing input written to testdata\nFAIL\n", false},
		{"--- FAIL: FuzzA (3.94s)\n    fuzzing process hung or terminated unexpectedly: signal: killed\nFAIL\n", false},
	}
	for _, tt := range tests {
		if got := timeIsUp(tt.output); got != tt.want {
			t.Errorf("timeIsUp(%q): got %v, want %v", tt.output, got, tt.want)
		}
	}
}

func wantTally(t *testing.T, got *tally, passed int, failed []string, details string) {
	t.Helper()
	if got.passed != passed {
		t.Errorf("got %d passed, want %d", got.passed, passed)
	}
	if !slices.Equal(names(got), failed) {
		t.Fatalf("got failures %q, want %q", names(got), failed)
	}
	if details != "" && !strings.Contains(got.failures[0].details, details) {
		t.Errorf("got details %q, want them to contain %q", got.failures[0].details, details)
	}
}
