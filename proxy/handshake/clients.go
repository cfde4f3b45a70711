package handshake

import (
	"net/http"
	"time"

	"usher/proxy/headers"
	"usher/proxy/limits"
	"usher/proxy/refusal"
	"usher/proxy/route"
	"usher/proxy/session"
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

// ask says at now whether a client has asked too often, nil if it has not. After
// unask it has not asked.
func (h *Handler) ask(on *route.Route, s headers.Sender, now time.Time) (unask func(), err error) {
	if h.Requests == nil {
		return func() {}, nil
	}
	return h.Requests.Ask(&on.Quota, on.String(), s.Client, now)
}

// takeSeat counts a session that is about to begin, or says why there may be none.
func (h *Handler) takeSeat(r *http.Request, on *route.Route, s headers.Sender) (*seat, error) {
	if h.Open == nil {
		return nil, nil
	}
	give, err := h.Open.Enter(&on.Quota, on.String(), limits.Client{Address: s.Client, User: userOf(h.Marker, on, s)})
	if err != nil {
		return nil, err
	}
	taken := &seat{give: give, peer: s.Peer}
	if !isStream(r) && !s.Trusted {
		taken.connections = h.Connections
	}
	return taken, nil
}

// userOf returns the mark of the user that auth has said a client is, nil for nobody
// who counts on the route.
func userOf(m *session.Marker, on *route.Route, s headers.Sender) *session.Mark {
	by := on.Quota.SessionsPerUser.By
	for _, g := range s.Given {
		if g.Name == by {
			return m.User(by, g.Value)
		}
	}
	return nil
}

// User returns the mark of the user that v is of, once it is authorized; nil for
// nobody who counts.
func (v *Visit) User() *session.Mark { return userOf(v.Marker, v.Match.Route, v.Sender) }
