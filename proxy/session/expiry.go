package session

import (
	"math"
	"time"
)

// ExpiryReason is that of the Close frames of a session that has expired.
const ExpiryReason = "token expired"

// expirySpread is the time over which the ends of sessions are spread that expire in
// the same second.
const expirySpread = 500 // milliseconds

// farOff is later than what nanoseconds since 1970 can say: those who write
// 9999-12-31 mean never.
const farOff = math.MaxInt64/int64(time.Second) - 1

// Expiry returns when s is to be ended because it expires; ok is false for never.
func (s *Session) Expiry() (at time.Time, ok bool) {
	if s.Expires == 0 || s.Expires > farOff {
		return at, false
	}
	return time.Unix(s.Expires, int64(s.Number%expirySpread)*int64(time.Millisecond)), true
}
