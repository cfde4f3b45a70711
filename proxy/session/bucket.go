package session

import "time"

// MaxRate is how much a client may send per second, with a burst of as much. In
// each of them 0 is no limit.
type MaxRate struct {
	Messages int64 // control frames among them
	Bytes    int64
}

// Bucket says until when the messages and bytes that a client has sent are
// paid for at its rate. It holds back nothing: a client that is more than a
// second ahead has broken max_rate. Times are counted from any moment that
// stays the same.
type Bucket struct {
	rate            MaxRate
	messages, bytes time.Duration
	unread          time.Duration // credit, for what gathered while the client was not read
	last            time.Duration // up to here the credit has faded
}

// NewBucket returns the bucket of a client that may send at rate; nil, whose
// methods may be called too, if there is no limit.
func NewBucket(rate MaxRate) *Bucket {
	if rate.Messages <= 0 && rate.Bytes <= 0 {
		return nil
	}
	return &Bucket{rate: rate}
}

// Spend takes messages and bytes off at now and tells whether that was within
// the rate.
func (b *Bucket) Spend(now time.Duration, messages, bytes int) bool {
	if b == nil {
		return true
	}
	b.fade(now)
	from, limit := now-b.unread, now+time.Second
	ok := true
	if b.rate.Messages > 0 {
		b.messages = pay(b.messages, from, messages, b.rate.Messages)
		ok = b.messages <= limit
	}
	if b.rate.Bytes > 0 {
		b.bytes = pay(b.bytes, from, bytes, b.rate.Bytes)
		ok = ok && b.bytes <= limit
	}
	if max(b.messages, b.bytes) >= now {
		b.unread = 0
	}
	return ok
}

// Unread notes that the client was not read between two times, because its
// upstream was slow: what has gathered meanwhile comes at once, and was paid
// for.
func (b *Bucket) Unread(from, to time.Duration) {
	if b != nil {
		b.fade(from)
		b.unread += to - from
		b.last = to
	}
}

// fade takes off the credit the time until now, in which the client was read:
// who sends as it may has used it up by then, and who was silent while it was
// not read has gathered nothing.
func (b *Bucket) fade(now time.Duration) {
	if now > b.last {
		b.unread = max(0, b.unread-(now-b.last))
		b.last = now
	}
}

// pay moves the time until which all is paid for by n units at a rate of
// perSecond, beginning no earlier than at from.
func pay(until, from time.Duration, n int, perSecond int64) time.Duration {
	return max(until, from) + time.Duration(float64(n)/float64(perSecond)*float64(time.Second))
}
