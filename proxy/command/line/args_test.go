package line

import (
	"strings"
	"testing"
)

// TestFlagsFirst has flags count wherever they stand, and arguments stay what they
// are.
func TestFlagsFirst(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{"", ""},
		{"status", "status"},
		{"status --json", "status --json"},
		{"check a.yaml --routes b.yaml", "check --routes b.yaml a.yaml"},
		{"explain http://a/ --namespace /x --client=1.2.3.4", "explain --namespace /x --client=1.2.3.4 http://a/"},
		{"close 4f --code 4000 --reason bye -routes r", "close --code 4000 --reason bye -routes r 4f"},
		{"doctor http://a/ --crash --path /b --path /c", "doctor --crash --path /b --path /c http://a/"},
		{"--routes r explain http://a/ --header X:-y", "--routes r explain --header X:-y http://a/"},
		{"--routes=r -- check a --routes b", "--routes=r -- check a --routes b"},
		// A value may look like a flag, and an argument too, behind --.
		{"explain u --header --json", "explain --header --json u"},
		{"check -- --odd.yaml --routes", "check -- --odd.yaml --routes"},
		{"check --routes r a -- -b", "check --routes r -- a -b"},
		{"check -", "check -"},
		// What is wrong stays wrong, and in the same way.
		{"check a --routes", "check --routes"},
		{"check a --frobnicate b", "check --frobnicate a b"},
		{"nonsense a --json", "nonsense a --json"},
		{"--nonsense check a --json", "--nonsense check --json a"},
		{"help check --json", "help --json check"},
	} {
		got := flagsFirst(app(), append([]string{"usher"}, strings.Fields(tt.line)...))
		if joined := strings.Join(got[1:], " "); joined != tt.want {
			t.Errorf("%s: got %q, want %q", tt.line, joined, tt.want)
		}
	}
}
