// Package session keeps the live sessions: who is connected, through which
// route, to which endpoint, how much has passed, and why it ended. What all
// relays judge alike is here too: a client's rate, and the cause that a broken
// rule is.
package session

import (
	"sync/atomic"
	"time"
)

// Info is what is known of a session when it begins.
type Info struct {
	ID       string // the request id, also sent to the upstream
	Route    string // route.Route.String
	Upstream string // its name
	Endpoint string // its address
	Claim    string // route.Route.Identity: the same as long as the route does the same
	Target   string // upstream.Endpoint.Identity, likewise
	Client   string // the client's address, as far as trusted proxies tell it
	Started  time.Time
	Counts   bool // its connection counts in the limits, for the client

	// Expires is when what has let the client in ends, in seconds since 1970; 0 for
	// never. The session is ended then, with Close frames of ExpiryCode. Either may
	// be said anew: see Session.Expiry.
	Expires    int64  `json:",omitempty"`
	ExpiryCode uint16 `json:",omitempty"`
	Signer     string `json:",omitempty"` // the key that has let the client in, as auth names it; "" for none

	Handshake time.Duration // from the request to its 101
	Dial      time.Duration // of which the connection to the endpoint took
	Marks     []Mark        // of the headers that a Marker names
	User      *Mark         `json:",omitempty"` // by whom it counts in the limits, nil for nobody
}

// Session is one relayed client connection, from its 101 to its end.
// Registry.Open makes one; the relay that adopts it ends it, once.
type Session struct {
	// Static after construction.
	Info
	Number uint64 // counts the sessions of a registry, from 1

	// Written by the session's loop, read by anybody.
	FromClient   Counters
	FromUpstream Counters

	registry  *Registry
	total     *total
	ended     atomic.Bool
	dismissed atomic.Pointer[Drain]
	retimed   atomic.Pointer[expiry] // nil for what Info says
	legs      atomic.Pointer[[]Leg]  // nil if it is not split
}

// Counters count one direction of a session.
type Counters struct {
	Messages atomic.Uint64 // data messages whose last frame has passed
	Bytes    atomic.Uint64 // bytes of frames, headers included
	Last     atomic.Int64  // when data last came, in nanoseconds since 1970; 0 for never
}

// Idle returns how long no data has come from either side.
func (s *Session) Idle(now time.Time) time.Duration {
	last := max(s.FromClient.Last.Load(), s.FromUpstream.Last.Load(), s.Started.UnixNano())
	return max(0, now.Sub(time.Unix(0, last)))
}

// Dismiss notes that s is to end as d says: its relay, if s is on the way to
// one, is told by whoever brings it there, who asks Dismissed.
func (s *Session) Dismiss(d *Drain) { s.dismissed.CompareAndSwap(nil, d) }

// Dismissed returns what Dismiss has noted, nil for nothing.
func (s *Session) Dismissed() *Drain { return s.dismissed.Load() }

// Ended tells whether s has ended.
func (s *Session) Ended() bool { return s.ended.Load() }

// End says how a session ended.
type End struct {
	Cause Cause
	Code  uint16 // the first close code that was received or sent, 0 for none
	Time  time.Time
	Err   error // detail for the log, may be nil

	Namespaces []string // of Socket.IO, that the client used at its end; nil for plain sessions
}

// End takes the session off its registry and reports e there. Only the first
// call counts: End returns false for any further one, which the registry
// counts as a fault of ours.
func (s *Session) End(e End) bool {
	if !s.ended.CompareAndSwap(false, true) {
		s.registry.duplicates.Add(1)
		return false
	}
	s.registry.remove(s, e)
	return true
}
