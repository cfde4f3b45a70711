package relay

import "time"

// bucket says until when the messages and bytes that a client has sent are
// paid for at its rate. It holds back nothing: a client that is more than a
// second ahead has broken max_rate.
type bucket struct {
	messages, bytes time.Duration
}

// spend takes messages and bytes off at now and tells whether that was within
// the rate of o.
func (b *bucket) spend(o *Options, now time.Duration, messages, bytes int) bool {
	ok := true
	if o.ClientMessages > 0 {
		b.messages = pay(b.messages, now, messages, o.ClientMessages)
		ok = b.messages <= now+time.Second
	}
	if o.ClientBytes > 0 {
		b.bytes = pay(b.bytes, now, bytes, o.ClientBytes)
		ok = ok && b.bytes <= now+time.Second
	}
	return ok
}

// pay moves the time until which all is paid for by n units at a rate of
// perSecond.
func pay(until, now time.Duration, n int, perSecond int64) time.Duration {
	return max(until, now) + time.Duration(float64(n)/float64(perSecond)*float64(time.Second))
}
