package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPapers loads every routes file that the README and the topics of "usher
// help" show, and has the schema take it.
func TestPapers(t *testing.T) {
	topics, err := filepath.Glob("../command/help/*.md")
	if err != nil || len(topics) == 0 {
		t.Fatalf("got %d topics, %v", len(topics), err)
	}
	s := mustCompile(t)
	env := func(string) (string, bool) { return "a-value-of-the-environment-of-32-bytes", true }
	for _, paper := range append(topics, "../../README.md") {
		text, err := os.ReadFile(paper)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range strings.Split(string(text), "```yaml\n")[1:] {
			example, _, _ := strings.Cut(block, "```")
			if _, err := Parse(filepath.Base(paper), []byte(example), env); err != nil {
				t.Errorf("got %v for the example\n%s", err, example)
			}
			if err := s.Validate(asJSON(t, example)); err != nil {
				t.Errorf("%s: the schema refuses an example: %v\n%s", paper, err, example)
			}
		}
	}
}
