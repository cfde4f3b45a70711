package auth

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"usher/proxy/config"
	"usher/proxy/headers"
	"usher/proxy/refusal"
)

// Grant is what somebody who comes in is given.
type Grant struct {
	Headers []config.Header // that tell the upstream who it is
	Cookies []string        // values of Set-Cookie, for the client
	Expires int64           // when its sessions end, in seconds since 1970; 0 for never
	Code    uint16          // of their Close frames then
	Signer  string          // the key that has signed the token, as keySet names it; "" for none of a set
	Who     string          // the name that was shown, or the subject of the token; "" if nobody says

	Question Question // to be asked again while they are open
}

// Gate is where one auth of a routes file is decided. It may be used by anybody.
type Gate struct {
	kind string
	way  way
	hide []string // prefixes of subprotocols that hold a token
	keep *Keeper
}

// way is one kind of auth. Request are headers and target as the client has sent
// them.
type way interface {
	// quick decides what needs no waiting: ok is false for what does, or is refused.
	quick(q question, now time.Time) (g Grant, ok bool)
	// check decides. The error is a *refusal.Error.
	check(q question, now time.Time) (Grant, error)
	// shows returns what shows who asks, "" for nothing.
	shows(q question) string
}

// question is who wants to come in.
type question struct {
	*http.Request
	sender headers.Sender
}

// Quick lets a request in if that can be said without waiting for anything. If not,
// Check is to be asked.
func (g *Gate) Quick(r *http.Request, s headers.Sender, route string, now time.Time) (Grant, bool) {
	granted, ok := g.way.quick(question{r, s}, now)
	if ok {
		g.keep.count(route, g.kind, allowed)
	}
	return granted, ok
}

// Check lets a request in, or says why not: the error is a *refusal.Error. It may
// wait for another process, or for a turn, and ends with the request's context.
func (g *Gate) Check(r *http.Request, s headers.Sender, route string, now time.Time) (Grant, error) {
	began := time.Now()
	granted, err := g.way.check(question{r, s}, now)
	g.keep.took[g.kind].Observe(time.Since(began))
	switch e, _ := err.(*refusal.Error); { //nolint:errorlint // no way wraps it
	case err == nil:
		g.keep.count(route, g.kind, allowed)
	case e != nil && e.Reason == refusal.Auth:
		g.keep.count(route, g.kind, refused)
	default:
		g.keep.count(route, g.kind, unavailable)
	}
	return granted, err
}

// Hides tells whether a subprotocol that a client offers is a token of its, and
// nobody else's business.
func (g *Gate) Hides(protocol string) bool {
	for _, prefix := range g.hide {
		if strings.HasPrefix(protocol, prefix) {
			return true
		}
	}
	return false
}

// rechecks returns the service of g that is to be asked again about open sessions, nil
// for none. g may be nil.
func (g *Gate) rechecks() *service {
	if g == nil {
		return nil
	}
	if s, ok := g.way.(*service); ok && s.Recheck > 0 {
		return s
	}
	return nil
}

// no is the answer to a client that may not come in as it is. The challenge is
// what WWW-Authenticate says (RFC 9110, 11.6.1).
func no(rule, challenge string) *refusal.Error {
	return &refusal.Error{Status: http.StatusUnauthorized, Reason: refusal.Auth, Rule: rule, Challenge: challenge}
}

// IsExpired tells whether err says that a token was good, and its time is over.
func IsExpired(err error) bool {
	e, ok := errors.AsType[*refusal.Error](err)
	return ok && e.Rule == errExpired.Error()
}

// unknown is the answer where nobody can say who may come in.
func unknown(hint string, err error) *refusal.Error {
	return &refusal.Error{Status: http.StatusServiceUnavailable, Reason: refusal.AuthDown, Rule: "nobody can say who may come in", Hint: hint, Err: err}
}
