package handshake

import (
	"sync/atomic"

	"usher/proxy/refusals"
)

// Reason is why a request was refused. The set is fixed: it is a metric label.
type Reason uint8

// The reasons, in the order in which a request meets them.
const (
	Head      Reason = iota // the request's head breaks a rule of HTTP/1's wire, or does not come
	Method                  // not one that is served, or not GET for an upgrade
	Path                    // no safe normal form
	Upgrade                 // not a valid upgrade to websocket, or none where only those are taken
	Version                 // not version 13 of the protocol
	Key                     // Sec-WebSocket-Key
	NoRoute                 // no route takes host and path
	NoHost                  // no route takes the host
	Loop                    // it has been here before
	Origin                  // not allowed by the route
	Draining                // no new session is wanted
	Duplicate               // the connection was claimed before: a fault of ours
	Fault                   // another fault of ours
	Endpoint                // no endpoint may be used
	Full                    // each endpoint has its max_sessions
	Waiting                 // the upstream waits for another
	Dial                    // no connection to the upstream
	Timeout                 // the upstream was too slow
	Answer                  // the upstream's answer breaks a rule
	Gone                    // the client went away
	Body                    // the request's body breaks a rule
	Limit                   // too many sessions
	Protocol                // a rule of Engine.IO
	reasonCount
)

// String returns the reason as it stands in logs and metrics.
func (r Reason) String() string {
	names := [reasonCount]string{
		"head", "method", "path", "upgrade", "version", "key", "no_route", "no_host", "loop", "origin", "draining",
		"duplicate", "fault", "no_endpoint", "full", "waiting", "dial", "timeout", "answer", "client_gone", "body", "limit", "engine_io",
	}
	return names[r]
}

// Counters count for the handlers of one server. The zero value is ready.
type Counters struct {
	claims     atomic.Uint64
	duplicates atomic.Uint64

	Refusals refusals.Tally // by route and Reason
}

// Refused counts a request that was refused before any handler saw it.
func (c *Counters) Refused(r Reason) { c.Refusals.Count(r.kind("")) }

// Stats is what was counted since a server began.
type Stats struct {
	Claims          uint64
	DuplicateClaims uint64            // always 0, or usher is broken
	Refusals        map[string]uint64 // by reason; all reasons are there
}

// Stats returns the numbers.
func (c *Counters) Stats() Stats {
	s := Stats{
		Claims:          c.claims.Load(),
		DuplicateClaims: c.duplicates.Load(),
		Refusals:        make(map[string]uint64, reasonCount),
	}
	for r := range reasonCount {
		s.Refusals[r.String()] = 0
	}
	for kind, n := range c.Refusals.Totals() {
		s.Refusals[kind.Reason] += n
	}
	return s
}

// kind is what the refusals of requests under a route are counted as.
func (r Reason) kind(route string) refusals.Kind {
	return refusals.Kind{Route: route, Reason: r.String()}
}
