package handshake

import (
	"net/http"

	"usher/proxy/headers"
	"usher/proxy/refusal"
	"usher/proxy/route"
)

// errAddress is the answer to a client that the route does not serve.
var errAddress = &refusal.Error{Status: http.StatusForbidden, Reason: refusal.Address, Rule: "this address may not come here", Hint: "allow and deny of the route, or of the file; behind a load balancer, trusted_proxies"}

// admitClient says why a route does not serve a client, nil if it does.
func (h *Handler) admitClient(on *route.Route, s headers.Sender) error {
	if !on.Access.Admits(s.Client) {
		return errAddress
	}
	return nil
}
