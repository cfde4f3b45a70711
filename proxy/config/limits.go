package config

import "math"

// limitKeys may stand at the top level, for all routes, and on a route.
var limitKeys = []string{
	"max_message", "max_fragments", "message_timeout", "max_rate", "idle_timeout",
	"handshake_timeout", "write_timeout", "ping_interval", "ping_timeout",
	"max_body", "body_timeout", "response_timeout",
}

var rateKeys = []string{"messages", "bytes"}

// limits returns base with what o sets.
func (l *loader) limits(o object, base Limits) Limits {
	l.size(o.field("max_message"), positive, &base.MaxMessage)
	fragments := int64(base.MaxFragments)
	l.count(o.field("max_fragments"), positive, math.MaxInt32, &fragments)
	base.MaxFragments = int(fragments)
	if r, ok := l.object(o.field("max_rate"), "in max_rate", rateKeys); ok {
		l.count(r.field("messages"), orZero, math.MaxInt32, &base.MaxRate.Messages)
		l.size(r.field("bytes"), orZero, &base.MaxRate.Bytes)
	}
	l.duration(o.field("message_timeout"), positive, &base.MessageTimeout)
	l.duration(o.field("idle_timeout"), orZero, &base.IdleTimeout)
	l.duration(o.field("handshake_timeout"), positive, &base.HandshakeTimeout)
	l.duration(o.field("write_timeout"), positive, &base.WriteTimeout)
	l.duration(o.field("ping_interval"), orZero, &base.PingInterval)
	l.duration(o.field("ping_timeout"), positive, &base.PingTimeout)
	l.pings(o, &base)
	l.size(o.field("max_body"), orZero, &base.MaxBody)
	l.duration(o.field("body_timeout"), positive, &base.BodyTimeout)
	l.duration(o.field("response_timeout"), orZero, &base.ResponseTimeout)
	return base
}

// pings holds ping_timeout to ping_interval: a peer is given up before it is
// pinged again. A longer timeout that o only inherits is cut.
func (l *loader) pings(o object, limits *Limits) {
	if limits.PingInterval == 0 || limits.PingTimeout <= limits.PingInterval {
		return
	}
	if timeout := o.field("ping_timeout"); timeout.given() {
		l.errorf(timeout.Position, "ping_timeout must not be longer than ping_interval, which is %v", limits.PingInterval)
	}
	limits.PingTimeout = limits.PingInterval
}
