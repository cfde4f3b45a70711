package relay

import (
	"time"

	"usher/proxy/session"
	"usher/proxy/ws"
)

// Options bound one session. They are shared: one value serves every session
// of a route and is not changed after its first use.
type Options struct {
	MaxMessage     int64         // bytes of one message on the wire; 0 is no limit
	MaxFragments   int           // frames of one message; 0 is no limit
	MessageTimeout time.Duration // from a message's first byte to its last; 0 is no limit
	IdleTimeout    time.Duration // in which nothing passes either way; 0 is no limit
	WriteTimeout   time.Duration // in which a peer takes nothing of what waits for it; 0 is no limit

	ClientPing   time.Duration // silence of the client before it is pinged; 0 is never
	UpstreamPing time.Duration // the same of the upstream
	PingTimeout  time.Duration // from such a ping to any byte of the peer

	ClientRate session.MaxRate // what a client may send per second

	Deflate bool // permessage-deflate was agreed: RSV1 may stand on a message's first frame
}

// rules returns what frames from the given side must obey.
func (o *Options) rules(from side) ws.Rules {
	return ws.Rules{
		FromClient:   from == client,
		Deflate:      o.Deflate,
		MaxMessage:   o.MaxMessage,
		MaxFragments: o.MaxFragments,
	}
}

// ping returns the silence after which a leg of the given side is pinged.
func (o *Options) ping(s side) time.Duration {
	if s == client {
		return o.ClientPing
	}
	return o.UpstreamPing
}
