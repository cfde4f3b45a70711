package refusal

import "testing"

func TestReasonsAreAllThere(t *testing.T) {
	got := new(Writer).Reasons()
	if len(got) != int(reasonCount) {
		t.Errorf("reasons: got %d, want %d: two have one name", len(got), reasonCount)
	}
	if _, ok := got[""]; ok {
		t.Error("a reason has no name")
	}
}
