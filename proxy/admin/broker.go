package admin

import (
	"context"
	"time"

	"usher/proxy/auth"
	"usher/proxy/config"
	"usher/proxy/incident"
	"usher/proxy/plain"
	"usher/proxy/route"
	"usher/proxy/session"
	"usher/proxy/tap"
	"usher/proxy/upstream"
)

// Broker is the usher that operators look at and steer. What it returns is that
// of one moment: a reload puts other values in their place.
type Broker interface {
	Config() *config.Config
	Guard() (config.Admin, auth.Set) // with the gates of its ways
	Table() *route.Table
	Pool() *upstream.Pool
	Sessions() *session.Registry
	Requests() []plain.Totals
	LegTraffic() map[string]session.LegTraffic // by upstream
	Marker() *session.Marker                   // its names are those of close_by
	Taps() *tap.Hub
	Certificates() []Certificate
	Outages() []Outage // of auth
	// Incidents returns what is wrong now, the worst first, and waits no longer
	// than a second, or until ctx ends.
	Incidents(ctx context.Context) []incident.Incident
	Phase() Phase
	Claims() Claims
	Version() string
	Reloads() Reloads
	Drains() []Target // that Drain was told and Enable was not

	// Describe asks those of the sessions that are split by namespace, until ctx
	// ends.
	Describe(ctx context.Context, list []*session.Session) map[*session.Session]session.Detail

	// Reload reads the routes file again. If there is an error, nothing has
	// changed.
	Reload() (Changes, error)
	// Upgrade has another process take this one's place, and returns when it
	// serves and has the sessions that can move. If there is an error, nothing has
	// changed.
	Upgrade(ctx context.Context) (Upgraded, error)
	// Close has the sessions end as d says, and does not wait for it.
	Close(list []*session.Session, d session.Drain)
	// Drain closes the sessions of t and keeps new ones away, and returns how
	// many there were, and how many others lose a leg. It does not wait.
	Drain(t Target) (sessions, legs int)
	// Enable takes the drain of t back, and no other: new sessions may come to t
	// unless another keeps them away. It returns whether t was drained.
	Enable(t Target) (undone bool)
}

// Phase is where in its life a process is.
type Phase string

// The phases.
const (
	Serving  Phase = "serving"
	Emptied  Phase = "drained"  // by an operator, all of it
	Grace    Phase = "grace"    // it is to stop, but serves on for drain.grace
	Stopping Phase = "stopping" // Close frames are sent
)

// Ready tells whether new clients are welcome.
func (p Phase) Ready() bool { return p == Serving }

// Certificate is one that usher has, or has yet to get.
type Certificate struct {
	Name     string    `json:"name"`
	NotAfter time.Time `json:"not_after,omitzero"` // when it ends; left out if there is none yet
	Left     float64   `json:"left_s,omitempty"`   // until then
}

// Outage is somebody who decides on who may come in, and cannot be asked.
type Outage struct {
	Kind  string    `json:"kind"` // of auth
	URL   string    `json:"url"`
	Since time.Time `json:"since"`
	Error string    `json:"error"`
}

// Claims are the handshakes of a process since it began.
type Claims struct {
	Claims     uint64            `json:"claims"`
	Duplicates uint64            `json:"duplicate_claims"` // always 0
	Refusals   map[string]uint64 `json:"refusals"`         // by reason
}

// Reloads are what came of reading the routes file again.
type Reloads struct {
	Done    uint64    `json:"done"`
	Refused uint64    `json:"refused"`
	Last    time.Time `json:"last,omitzero"`        // when the file was last read that is served
	Error   []string  `json:"last_error,omitempty"` // of the last reload, if it was refused
}

// Target is what is drained: the one field that is set, or an endpoint of an
// upstream.
type Target struct {
	Route    string `json:"route,omitempty"`
	Upstream string `json:"upstream,omitempty"`
	Endpoint string `json:"endpoint,omitempty"`
	All      bool   `json:"all,omitempty"`
}

// Names tells whether t means e, an endpoint of the named upstream. Endpoints go
// by "http://10.0.0.3:80" or "10.0.0.3:80".
func (t Target) Names(in string, e *upstream.Endpoint) bool {
	return (t.Endpoint == e.Address || t.Endpoint == e.String()) && (t.Upstream == "" || t.Upstream == in)
}
