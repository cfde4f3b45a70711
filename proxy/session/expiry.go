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

// expiry is what Info says at first.
type expiry struct {
	expires int64
	code    uint16
}

func (s *Session) expiry() expiry {
	if e := s.retimed.Load(); e != nil {
		return *e
	}
	return expiry{s.Info.Expires, s.Info.ExpiryCode}
}

// Expiry returns when s is to be ended because it expires; ok is false for never.
func (s *Session) Expiry() (at time.Time, ok bool) { return s.Ends(s.expiry().expires) }

// Ends returns when s is to be ended because of what ends at seconds since 1970;
// ok is false for never.
func (s *Session) Ends(seconds int64) (at time.Time, ok bool) {
	if seconds == 0 || seconds > farOff {
		return at, false
	}
	return time.Unix(seconds, int64(s.Number%expirySpread)*int64(time.Millisecond)), true
}

// ExpiryClose returns the code of the Close frames then.
func (s *Session) ExpiryClose() uint16 { return s.expiry().code }

// Retime has s expire as is said now, in place of what was said before. If that is
// sooner, its relay is to be told.
func (s *Session) Retime(expires int64, code uint16) (sooner bool) {
	if s.expiry() == (expiry{expires, code}) {
		return false
	}
	before, ended := s.Expiry()
	s.retimed.Store(&expiry{expires, code})
	at, ends := s.Expiry()
	return ends && (!ended || at.Before(before))
}
