// Package incident makes one list of what is wrong now: what, since when, and for
// whom. Operators, the dashboard and alerts are shown the same.
//
// It observes: others count, and nobody waits for it. What has a beginning of its
// own (an endpoint's state, an outage) is told with that; of rates the tracker
// remembers the last minute, and when they began.
package incident

import (
	"fmt"
	"time"
)

// Kind says what is wrong. The set is fixed: it is a metric label.
type Kind string

// The kinds, the worst first.
const (
	UpstreamDown  Kind = "upstream_down"  // no endpoint of it may be used
	AuthDown      Kind = "auth_down"      // who decides on who may come in cannot be asked
	Descriptors   Kind = "descriptors"    // few are left
	Certificate   Kind = "certificate"    // it ends, has ended, or there is none
	TLSFails      Kind = "tls_fails"      // handshakes, for one reason
	Refuses       Kind = "refuses"        // a route, for one reason
	EndpointDown  Kind = "endpoint_down"  // others of its upstream serve
	ReloadRefused Kind = "reload_refused" // what is served is not what the file says
	Stopping      Kind = "stopping"
	Drained       Kind = "drained" // by an operator
)

// Kinds are all of them, in that order.
var Kinds = []Kind{UpstreamDown, AuthDown, Descriptors, Certificate, TLSFails, Refuses, EndpointDown, ReloadRefused, Stopping, Drained}

// Incident is one thing that is wrong.
type Incident struct {
	Kind  Kind      `json:"kind"`
	Name  string    `json:"name"`  // what it is about: an upstream, a route and a reason
	What  string    `json:"what"`  // both in words
	Since time.Time `json:"since"` // when it began, or was first seen
	Text  string    `json:"text"`  // who notices, and why, in one line
}

// what says in words what an incident is.
func (i *Incident) what() string {
	switch i.Kind {
	case UpstreamDown:
		return fmt.Sprintf("upstream %s is down", i.Name)
	case AuthDown:
		return fmt.Sprintf("auth cannot be asked: %s", i.Name)
	case Descriptors:
		return "few descriptors are left"
	case Certificate:
		return fmt.Sprintf("certificate of %s", i.Name)
	case TLSFails:
		return fmt.Sprintf("TLS handshakes fail: %s", i.Name)
	case Refuses:
		return fmt.Sprintf("requests are refused: %s", i.Name)
	case EndpointDown:
		return fmt.Sprintf("endpoint %s fails", i.Name)
	case ReloadRefused:
		return "the routes file was refused"
	case Stopping:
		return "usher stops"
	case Drained:
		return fmt.Sprintf("%s is drained", i.Name)
	}
	return string(i.Kind)
}
