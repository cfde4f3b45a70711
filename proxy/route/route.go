// Package route finds the one route that takes a request.
//
// A Table is built from a checked config.Config and never changes: a reload
// builds another.
package route

import "usher/proxy/config"

// Route is one line of the table.
type Route struct {
	*config.Route
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
