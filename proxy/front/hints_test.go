package front

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

func TestHintsAreBounded(t *testing.T) {
	h := newHints(nil)
	start := time.Now()
	address := func(i int) netip.Addr { return netip.MustParseAddr(fmt.Sprintf("192.0.2.%d", i)) }
	for i := range maxHints {
		if !h.mayTell(address(i), start) || h.mayTell(address(i), start.Add(hintPause-1)) {
			t.Fatalf("peer %d: want one hint in an hour", i)
		}
	}
	if h.mayTell(address(200), start.Add(hintPause-1)) {
		t.Error("one peer too many: want no hint")
	}
	if !h.mayTell(address(0), start.Add(hintPause)) || !h.mayTell(address(200), start.Add(hintPause)) {
		t.Error("an hour later: want hints again")
	}
	if len(h.told) > maxHints {
		t.Errorf("peers: got %d, want at most %d", len(h.told), maxHints)
	}
}
