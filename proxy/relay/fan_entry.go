package relay

import (
	"cmp"

	"usher/proxy/demux"
	"usher/proxy/engineio"
	"usher/proxy/session"
)

// FanOptions bound the sessions of a route that are split by namespace. They
// are shared: one value serves all of them and is not changed after its first
// use.
type FanOptions struct {
	Demux  *demux.Config
	Counts *demux.Stats // nil for none
	Probes *Upgrades    // nil for none

	// Client and Upstream are for the WebSocket legs of either side: limits of
	// messages, MessageTimeout, WriteTimeout, and the client's rate. Pings and
	// idleness are Engine.IO's business here. MaxMessage of Client is also
	// what the open packet says.
	Client   *Options
	Upstream *Options

	OutLimit int // bytes that wait for the client before its legs are not read any more; if zero, 1 MiB
	LegQueue int // bytes that wait for a leg before its client is not read any more; if zero, 1 MiB
}

func (o *FanOptions) outLimit() int { return cmp.Or(o.OutLimit, 1<<20) }
func (o *FanOptions) legQueue() int { return cmp.Or(o.LegQueue, 1<<20) }

// Entry is what is known of a session when its client's first request has been
// verified.
type Entry struct {
	Version engineio.Version
	SID     string // to be the session's, unless an upstream's has to be adopted
	Polling bool   // the first request is a GET; otherwise a WebSocket handshake
	Base64  bool   // no octets in the answers to GETs

	// Dial opens a leg to the service of that index. It is called by the loop
	// and must not block; done may be called from any goroutine, once, and
	// takes ownership of what it is given.
	Dial func(to demux.Target, done func(Dialled))

	// Guarded tells whether somebody has to say who may join a namespace; nil for no.
	// Judge has it said: it must not block, and does not keep p; done may be called
	// from any goroutine, once. Ends is when what lets it in does, in seconds since
	// 1970, 0 for never.
	Guarded func(namespace string) bool
	Judge   func(p demux.Plea, done func(v demux.Verdict, ends int64))

	// Ready tells how to answer the handshake, once. It is called by the loop,
	// and must not block. Where r.Status is 0, sid is the session's, and
	// Fan.Socket or Fan.Poll is expected next; otherwise the session is over.
	Ready func(sid string, r demux.Refusal)

	// Gone is called once, when the sid means nothing any more: what comes with
	// it is to be answered with engineio.SIDUnknown. That may be some time after
	// the session's end.
	Gone func()

	// Release is called once, when the session has ended and all its sockets are
	// closed, or goes on in another process.
	Release func()

	// Stays returns what keeps the session in its process while its client polls,
	// "" if nothing does; nil for nothing. It is called by the loop, and must not
	// block.
	Stays func() string

	// Hold asks whether the session may be put aside for another process, and if
	// so has requests of its client wait until Held says whether that has it now.
	// They are called by the loop, and must not block; nil for yes and nothing.
	Hold func() bool
	Held func(moved bool)
}

// Dialled is what became of a leg's handshake. If Err is nil, Leg is open.
type Dialled struct {
	Leg Leg
	Tag string      // of the endpoint, as demux.Target.Prefer will have it
	To  session.Leg // whom operators find it by

	// Release is called once, when the socket is closed or not wanted; nil for
	// nothing. Where Err is not nil it is not called.
	Release func()

	// Lost is asked when the leg is taken in: whether its endpoint has gone since
	// it was dialled, so that LoseLegs may have run before; nil for no.
	Lost func() bool

	Err     error
	Refused demux.Refusal // the upstream's own answer to its handshake, if that is what Err is about
}
