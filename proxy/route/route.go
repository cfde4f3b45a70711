// Package route finds the one route that takes a request.
//
// A Table is built from a checked config.Config and never changes: a reload
// builds another.
package route

import (
	"fmt"
	"strings"

	"usher/proxy/config"
)

// Route is one line of the table.
type Route struct {
	*config.Route
	// Identity is the same in the tables of two files if the route is: if it
	// takes the same requests to the same upstream in the same way. What only
	// decides about new sessions, such as origins, headers and limits, may
	// change; and whether it takes pages beside its sockets, which are the only
	// sessions.
	Identity string
}

func newRoute(c *config.Route) *Route {
	r := &Route{Route: c}
	upstream := ""
	if c.Upstream != nil {
		upstream = c.Upstream.Name
	}
	r.Identity = fmt.Sprintf("%s%s exact %t sockets %t upstream %s strip_prefix %q replace_prefix %q relay %s",
		r.Host, r.Path, r.Exact, r.Upgrade.Takes(true), upstream, c.StripPrefix, c.ReplacePrefix, c.Relay)
	if answer := c.Answer(); answer != "" {
		r.Identity += " " + answer
	}
	if c.Namespaces != nil {
		r.Identity += splitIdentity(c)
	}
	return r
}

// String returns the route's name in logs and metrics: host and path as they
// stand in the file, such as "app.example.com/socket.io" or "/ws/admin (exact)",
// and the kind of requests, if it takes one only. No other route has it.
func (r *Route) String() string {
	var narrow []string
	if r.Exact {
		narrow = append(narrow, "exact")
	}
	switch r.Upgrade {
	case config.OnlyWebSocket:
		narrow = append(narrow, "websocket")
	case config.NoUpgrade:
		narrow = append(narrow, "no upgrade")
	case config.AnyRequest:
	}
	if len(narrow) == 0 {
		return r.Host + r.Path
	}
	return r.Host + r.Path + " (" + strings.Join(narrow, ", ") + ")"
}
