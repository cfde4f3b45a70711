package relay

import "time"

// bucket says until when the messages and bytes that a client has sent are
// paid for at its rate. It holds back nothing: a client that is more than a
// second ahead has broken max_rate.
type bucket struct {
	messages, bytes time.Duration

	// unread is for how long the client was not read because its upstream was
	// slow: what has gathered meanwhile comes at once, and was paid for.
	unread time.Duration
}

// spend takes messages and bytes off at now and tells whether that was within
// the rate of o.
func (b *bucket) spend(o *Options, now time.Duration, messages, bytes int) bool {
	from, limit := now-b.unread, now+time.Second
	ok := true
	if o.ClientMessages > 0 {
		b.messages = pay(b.messages, from, messages, o.ClientMessages)
		ok = b.messages <= limit
	}
	if o.ClientBytes > 0 {
		b.bytes = pay(b.bytes, from, bytes, o.ClientBytes)
		ok = ok && b.bytes <= limit
	}
	if max(b.messages, b.bytes) >= now {
		b.unread = 0
	}
	return ok
}

// pay moves the time until which all is paid for by n units at a rate of
// perSecond, beginning no earlier than at from.
func pay(until, from time.Duration, n int, perSecond int64) time.Duration {
	return max(until, from) + time.Duration(float64(n)/float64(perSecond)*float64(time.Second))
}
