// Package route finds the one route that takes a request.
//
// A Table is built from a checked config.Config and never changes: a reload
// builds another.
package route

import (
	"fmt"

	"usher/proxy/config"
)

// Route is one line of the table.
type Route struct {
	*config.Route
	// Identity is the same in the tables of two files if the route is: if it
	// takes the same requests to the same upstream in the same way. What only
	// decides about new sessions, such as origins, headers and limits, may
	// change.
	Identity string
}

func newRoute(c *config.Route) *Route {
	r := &Route{Route: c}
	upstream := ""
	if c.Upstream != nil {
		upstream = c.Upstream.Name
	}
	r.Identity = fmt.Sprintf("%s upstream %s strip_prefix %q relay %s", r, upstream, c.StripPrefix, c.Relay)
	if c.Namespaces != nil {
		r.Identity += splitIdentity(c)
	}
	return r
}

// String returns the route's name in logs and metrics: host and path as they
// stand in the file, such as "app.example.com/socket.io" or "/ws/admin (exact)".
func (r *Route) String() string {
	name := r.Host + r.Path
	if r.Exact {
		name += " (exact)"
	}
	return name
}
