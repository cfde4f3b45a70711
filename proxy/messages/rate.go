package messages

import "time"

// bucket says until when what a leg has sent is paid for at its rate. It holds
// back nothing: a leg that is more than a second ahead has broken max_rate.
type bucket struct {
	messages, bytes meter
}

// meter counts one thing. If perSecond is zero, there is no limit.
type meter struct {
	perSecond int64
	paid      time.Time
}

// spend takes messages and bytes off at now and tells whether that was within
// the rate.
func (b *bucket) spend(now time.Time, messages, bytes int64) bool {
	ok := b.messages.spend(now, messages)
	return b.bytes.spend(now, bytes) && ok
}

func (m *meter) spend(now time.Time, n int64) bool {
	if m.perSecond <= 0 || n == 0 {
		return true
	}
	if m.paid.Before(now) {
		m.paid = now
	}
	m.paid = m.paid.Add(time.Duration(float64(n) / float64(m.perSecond) * float64(time.Second)))
	return m.paid.Sub(now) <= time.Second
}
