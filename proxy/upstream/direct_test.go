package upstream

import (
	"net/netip"
	"testing"
	"time"
)

// TestMissedInTime: what a caller of Direct has taken of the dial timeout is
// gone.
func TestMissedInTime(t *testing.T) {
	u := newZone(t, &zone{addresses: "192.0.2.1"})
	e := u.Endpoints()[0]
	if len(e.addresses(t.Context())) != 1 {
		t.Fatal("addresses: got none")
	}
	for took, want := range map[time.Duration]bool{time.Millisecond: true, 6 * time.Second: false} {
		if got := e.Missed(netip.MustParseAddr("192.0.2.1"), took); got != want {
			t.Errorf("missed after %v: got others %t, want %t", took, got, want)
		}
	}
}
