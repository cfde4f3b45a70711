package watch

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

func mustWrite(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestChanges wants each change told once, at the second look that finds it.
func TestChanges(t *testing.T) {
	dir := t.TempDir()
	a, b, other := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "other")
	mustWrite(t, a, "1")
	changes := []struct {
		name   string
		change func() error
	}{
		{"appears", func() error { mustWrite(t, b, "1"); return nil }},
		{"written", func() error { mustWrite(t, a, "22"); return nil }},
		{"touched", func() error { return os.Chtimes(a, time.Time{}, time.Unix(1, 0)) }},
		{"mode", func() error { return os.Chmod(a, 0o640) }},
		{"replaced", func() error { mustWrite(t, other, "22"); return os.Rename(other, a) }},
		{"removed", func() error { return os.Remove(b) }},
	}
	f := Look(a, b)
	for _, c := range changes {
		if f.Changed() {
			t.Fatalf("%s: got a change before", c.name)
		}
		if err := c.change(); err != nil {
			t.Fatal(err)
		}
		if first, second, third := f.Changed(), f.Changed(), f.Changed(); first || !second || third {
			t.Errorf("%s: got %t, %t, %t, want it at the second look", c.name, first, second, third)
		}
	}
}

// TestReadMeanwhile: what was read for another reason is no change.
func TestReadMeanwhile(t *testing.T) {
	a := filepath.Join(t.TempDir(), "a")
	mustWrite(t, a, "1")
	f := Look(a)
	mustWrite(t, a, "22")
	f.Read()
	for range 3 {
		if f.Changed() {
			t.Error("got a change, want none")
		}
	}
}

// TestMovingTarget: a file that is still being written is not read.
func TestMovingTarget(t *testing.T) {
	a := filepath.Join(t.TempDir(), "a")
	f := Look(a)
	for i := range 5 {
		mustWrite(t, a, "xxxxx"[:i+1])
		if f.Changed() {
			t.Error("got a change at the first look, want none")
		}
	}
	if !f.Changed() {
		t.Error("got no change, want one")
	}
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*interval+1)
		defer cancel()
		turns := 0
		Run(ctx, func() { turns++ })
		if turns != 3 {
			t.Errorf("got %d turns, want 3", turns)
		}
	})
}
