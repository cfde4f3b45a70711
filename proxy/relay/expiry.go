package relay

import (
	"time"

	"usher/proxy/session"
	"usher/proxy/ws"
)

// expired is why a session ends that expires.
var expired = session.Cause{Side: session.Usher, Event: session.Expired}

// expiry returns when a session expires, by the loop's clock. It is asked anew each
// time, as the machine's may be set meanwhile.
func (lp *loop) expiry(s *session.Session) time.Duration {
	at, ok := s.Expiry()
	if !ok {
		return never
	}
	return time.Duration(at.UnixNano() - lp.began)
}

// Wake tells the loop of x, if x is here, that it expires sooner than was said.
func (g *Group) Wake(x *session.Session) {
	for _, lp := range g.loops {
		lp.post(func(lp *loop) { lp.rouse(x) })
	}
}

func (lp *loop) rouse(x *session.Session) {
	if p := lp.pairs[x]; p != nil && !p.closing() {
		lp.timers.schedule(p, max(lp.now, lp.expiry(x)))
	}
	if f := lp.fans[x]; f != nil && !f.closing() {
		f.wake(lp.expiry(x))
	}
}

func expiryFarewell(s *session.Session) farewell {
	return farewell{ws.Code(s.ExpiryClose()), session.ExpiryReason}
}

// tickExpiry ends a pair that expires, and returns when it does.
func (lp *loop) tickExpiry(p *pair) time.Duration {
	due := lp.expiry(p.session)
	if lp.now >= due {
		lp.quit(p, expired, expiryFarewell(p.session))
	}
	return due
}

// tickExpiry ends a fan that expires, as by loss: its client comes back, with
// another token. It returns when it does.
func (f *fan) tickExpiry() time.Duration {
	if due := f.loop.expiry(f.session); f.loop.now < due {
		return due
	}
	f.close(expired, expiryFarewell(f.session), nil)
	return never
}
