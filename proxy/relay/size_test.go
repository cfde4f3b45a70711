package relay

import (
	"testing"
	"unsafe"
)

// What stands in memory for each idle session: the allocator has a size of
// exactly this.
func TestSize(t *testing.T) {
	if portable {
		t.Skip("the portable poller's sockets are larger")
	}
	if n := unsafe.Sizeof(pair{}); n > 416 {
		t.Errorf("got a pair of %d bytes, want at most 416", n)
	}
}
