package socket

import (
	"io"
	"testing"
)

// TestPair writes both ways, ends one of them, and then the other.
func TestPair(t *testing.T) {
	a, b, err := Pair()
	if err != nil {
		t.Fatalf("Pair: %v", err)
	}
	defer a.Close()
	defer b.Close()
	io.WriteString(a, "to b")
	if err := a.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatalf("CloseWrite: %v", err)
	}
	if got, err := io.ReadAll(b); string(got) != "to b" || err != nil {
		t.Errorf("b: got %q, %v, want what a wrote", got, err)
	}
	io.WriteString(b, "to a")
	b.Close()
	if got, err := io.ReadAll(a); string(got) != "to a" || err != nil {
		t.Errorf("a: got %q, %v, want what b wrote", got, err)
	}
}
