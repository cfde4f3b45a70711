package proxy

import (
	"context"
	"sync"
	"sync/atomic"

	"usher/proxy/handover"
	"usher/proxy/upstream"
)

// succession is how another process takes this one's place, and how this one
// has taken another's.
type succession struct {
	ending context.Context // done when the server stops
	end    context.CancelFunc

	turn  sync.Mutex // held by a reload and by an upgrade: one of them at a time
	under atomic.Bool

	// to another process
	heir *handover.Heir // nil if there is none; guarded by Server.mu
	done chan struct{}  // closed when it serves, and has what moves at once
	stay func()         // ends what handClientsOn has begun

	// from another process; static
	from  *handover.Inheritance // nil if nothing was given
	known upstream.Memory       // what it has said at the start
	node  string                // its id in the fleet, "" for none
	takes *handover.Channel     // by which it gives what it has; nil for none
	taken chan struct{}         // closed when it has given all
}

func newSuccession(from *handover.Inheritance) *succession {
	u := &succession{from: from, done: make(chan struct{}), taken: make(chan struct{})}
	u.ending, u.end = context.WithCancel(context.Background())
	return u
}
