package namespaces

import (
	"sync"
	"sync/atomic"

	"usher/proxy/engineio"
	"usher/proxy/relay"
)

// visitor is a client with a sid.
type visitor struct {
	// static once the sid is known
	fan     *relay.Fan
	split   *split // that it began with
	version engineio.Version

	posting atomic.Bool // a POST is under way

	mu   sync.Mutex
	sid  string // guarded by mu; "" until it is known
	gone bool   // guarded by mu: the sid means nothing any more
}
