package front

import (
	"context"
	"time"
)

const (
	// settleInterval is how often it is looked whether the last handshakes are
	// done.
	settleInterval = 10 * time.Millisecond
	// settledLooks is how many looks in a row must find none: between the end
	// of a request's head and its way through the gate it is nowhere to be seen.
	settledLooks = 10
)

// settle waits, until ctx is done, until busy was false so many times in a row.
func settle(ctx context.Context, looks int, busy func() bool) {
	tick := time.NewTicker(settleInterval)
	defer tick.Stop()
	for quiet := 0; ; {
		if quiet++; busy() {
			quiet = 0
		}
		if quiet == looks {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
