package incident

import (
	"time"

	"usher/proxy/auth"
	"usher/proxy/refusal"
	"usher/proxy/upstream"
)

// Observation is an usher at one moment.
type Observation struct {
	Upstreams    []upstream.Stats
	Waiting      map[string]int // namespaces that clients wait for, by upstream
	Outages      []auth.Outage
	Certificates []Cert
	TLS          []refusal.HandshakeTotal
	Refusals     map[refusal.Kind]uint64

	Faults   []string  // why the last reload was refused; nil if it was not
	Refused  time.Time // when that was
	Drains   []string  // what operators have drained
	Stopping bool
	Sessions int // open

	Descriptors, MaxDescriptors int // open, and how many may be; zero if nobody knows
}

// Cert is a certificate that usher has, or has yet to get.
type Cert struct {
	Name         string
	Begins, Ends time.Time // zero if there is none yet
}

// margin is how long before its end it should have been renewed: a week, or of a
// short one a quarter of its time.
func (c *Cert) margin() time.Duration { return min(soon, c.Ends.Sub(c.Begins)/4) }
