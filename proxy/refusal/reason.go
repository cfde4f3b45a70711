package refusal

// Reason is why a request was refused. The set is fixed: it is a metric label.
type Reason uint8

// The reasons, in the order in which a request meets them.
const (
	Connections Reason = iota // too many of an address
	Head                      // the request's head breaks a rule of HTTP/1's wire, or does not come
	Method                    // not one that is served, or not GET for an upgrade
	Path                      // no safe normal form
	Upgrade                   // not a valid upgrade to websocket, or none where only those are taken
	Version                   // not version 13 of the protocol
	Key                       // Sec-WebSocket-Key
	NoRoute                   // no route takes host and path
	NoHost                    // no route takes the host
	Loop                      // it has been here before
	Address                   // the client's is not served
	Rate                      // too many requests of an address
	Origin                    // not allowed by the route
	Auth                      // it may not come in as it is
	AuthDown                  // nobody can say whether it may
	Draining                  // no new session is wanted
	Duplicate                 // the connection was claimed before: a fault of ours
	Fault                     // another fault of ours
	Endpoint                  // no endpoint may be used
	Crowded                   // too many wait for an endpoint
	Full                      // each endpoint has its max_sessions
	Waiting                   // the upstream waits for another
	Dial                      // no connection to the upstream
	Timeout                   // the upstream was too slow
	Answer                    // the upstream's answer breaks a rule
	Gone                      // the client went away
	Body                      // the request's body breaks a rule
	Limit                     // too many sessions, or connections
	UserLimit                 // too many sessions of a user
	Protocol                  // a rule of Engine.IO
	reasonCount
)

// String returns the reason as it stands in logs and metrics.
func (r Reason) String() string {
	names := [reasonCount]string{
		"connections", "head", "method", "path", "upgrade", "version", "key", "no_route", "no_host", "loop", "address", "rate", "origin", "auth", "auth_unavailable", "draining",
		"duplicate", "fault", "no_endpoint", "crowded", "full", "waiting", "dial", "timeout", "answer", "client_gone", "body", "limit", "user_sessions", "engine_io",
	}
	return names[r]
}

// kind is what the refusals of requests under a route are counted as.
func (r Reason) kind(route string) Kind { return Kind{Route: route, Reason: r.String()} }
