package command

import (
	"context"
	"runtime"
	"time"
)

const (
	// spareHeap is what may become garbage, at least, between two garbage
	// collections. Left to itself a small process collects after 4 MiB, which
	// is a few dozen TLS handshakes. More than this costs more than it saves:
	// what is allocated next is not in the processor's caches any more.
	spareHeap = 8 << 20
	// quiet is how long no session may have begun before memory is given back.
	quiet = 5 * time.Second
)

// tendMemory trades memory for processor time while sessions begin, and gives
// the memory back to the system when none has begun for a while: what is left
// then is what open sessions need. opened counts all sessions that ever began, and free is debug.FreeOSMemory.
func tendMemory(ctx context.Context, opened func() uint64, free func()) {
	// The collector takes this for live memory and waits until as much has been
	// allocated again. Nobody writes to it, so it takes no room.
	ballast := make([]byte, spareHeap)
	defer runtime.KeepAlive(ballast)
	tick := time.NewTicker(quiet)
	defer tick.Stop()
	var before, freed uint64
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := opened()
		if now == before && now != freed {
			free()
			freed = now
		}
		before = now
	}
}
