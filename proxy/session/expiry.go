package session

import "time"

// ExpiryReason is that of the Close frames of a session that has expired.
const ExpiryReason = "token expired"

// expirySpread is the time over which the ends of sessions are spread that expire in
// the same second.
const expirySpread = 500 // milliseconds

// Expiry returns when s is to be ended because it expires; ok is false for never.
func (s *Session) Expiry() (at time.Time, ok bool) {
	if s.Expires == 0 {
		return at, false
	}
	return time.Unix(s.Expires, int64(s.Number%expirySpread)*int64(time.Millisecond)), true
}
