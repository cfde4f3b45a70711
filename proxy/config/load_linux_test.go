package config

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Row 56 of the attacks: a pipe in the place of the routes file, to which nobody
// writes, holds up no reload.
func TestAttack56PipeThatNobodyWrites(t *testing.T) {
	file := filepath.Join(t.TempDir(), "routes.yaml")
	if err := syscall.Mkfifo(file, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(file); err == nil || !strings.Contains(err.Error(), "the file is empty") {
		t.Errorf("got %v, want an empty file", err)
	}
}
