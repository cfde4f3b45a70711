package config

import (
	"os"
	"strings"
	"testing"
)

// TestReadme loads every routes file that README.md shows.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(text), "```yaml\n")[1:]
	if len(blocks) == 0 {
		t.Fatal("README.md has no yaml block")
	}
	env := func(string) (string, bool) { return "a-value-of-the-environment-of-32-bytes", true }
	for _, block := range blocks {
		example, _, _ := strings.Cut(block, "```")
		if _, err := Parse("README.md", []byte(example), env); err != nil {
			t.Errorf("got %v for the example\n%s", err, example)
		}
	}
}
