package demux

import "sync/atomic"

// Stats counts what sessions did. It may be shared by any number of sessions;
// one for each loop and route is fastest.
type Stats struct {
	Dropped [NumDrops]atomic.Uint64 // packets, by reason
	Redials atomic.Uint64           // legs dialled again behind the client's back
	Retries atomic.Uint64           // dials repeated because one had failed
	Held    atomic.Uint64           // CONNECTs that had to wait for a leg
	Long    atomic.Uint64           // CONNECTs that have waited for 20 s
	Refused atomic.Uint64           // CONNECTs that usher itself answered with an error
	GivenUp atomic.Uint64           // namespaces whose CONNECT cost one leg after the other
	Opaque  atomic.Uint64           // sessions handed to the fallback
	Foreign atomic.Uint64           // sessions ended as there is no fallback
}

// Drop says why a packet was dropped.
type Drop uint8

// The reasons to drop a packet.
const (
	DropStaleAck    Drop = iota // it answers a question of an earlier leg
	DropTombstone               // its namespace was left a moment ago
	DropUnknown                 // its namespace is not joined
	DropForeignRoot             // EIO3: it is for the root of an upstream that does not own "/"
	DropVirtualRoot             // EIO3: it is for "/", which nobody owns
)

// NumDrops is how many reasons there are.
const NumDrops = int(DropVirtualRoot) + 1

// String returns the reason as one word for metrics.
func (d Drop) String() string {
	switch d {
	case DropStaleAck:
		return "stale_ack"
	case DropTombstone:
		return "tombstone"
	case DropUnknown:
		return "unknown_namespace"
	case DropForeignRoot:
		return "foreign_root"
	case DropVirtualRoot:
		return "virtual_root"
	}
	return "unknown"
}
