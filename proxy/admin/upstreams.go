package admin

import (
	"net/http"
	"slices"
	"time"

	"usher/proxy/session"
	"usher/proxy/upstream"
)

// Upstream is a group of endpoints, and what passes there, on legs too: in
// place of a client's messages stand those to the upstream.
type Upstream struct {
	Upstream  string     `json:"upstream"`
	Drained   bool       `json:"drained"` // by an operator
	Held      int        `json:"held"`    // requests and handshakes that wait for an endpoint
	Endpoints []Endpoint `json:"endpoints"`
	Counts
}

// Endpoint is one address of an upstream. What counts does so since it is in
// the routes file.
type Endpoint struct {
	Endpoint     string            `json:"endpoint"` // as the routes file has it
	Address      string            `json:"address"`  // as sessions have it
	State        upstream.State    `json:"state"`
	Since        time.Time         `json:"since,omitzero"` // the state is what it is
	Drained      bool              `json:"drained"`        // by an operator
	Open         int               `json:"open"`           // sessions, those in their handshake included
	Requests     int               `json:"requests"`       // plain ones under way
	Dials        uint64            `json:"dials"`          // that brought a connection
	DialTime     float64           `json:"dial_s"`         // that those took in all
	DialFailures map[string]uint64 `json:"dial_failures"`  // by kind
	Unanswered   uint64            `json:"unanswered"`     // handshakes
	Declined     uint64            `json:"declined"`       // handshakes that it answered with anything but 101
	ChecksPassed uint64            `json:"checks_passed"`
	ChecksFailed uint64            `json:"checks_failed"`
	LastError    string            `json:"last_error,omitempty"`
	LastErrorAt  time.Time         `json:"last_error_at,omitzero"`
	RetryAt      time.Time         `json:"retry_at,omitzero"` // until then it is passed over
}

// Failed is how many connections and handshakes have failed, whoever is to
// blame for it.
func (e Endpoint) Failed() uint64 {
	n := e.Unanswered + e.Declined
	for _, failures := range e.DialFailures {
		n += failures
	}
	return n
}

func (h *Handler) upstreams(*http.Request) (any, error) {
	totals, drains, pool := h.Broker.Sessions().Totals(), h.Broker.Drains(), h.Broker.Pool()
	legs := h.Broker.LegTraffic()
	list := []Upstream{}
	for _, s := range pool.Stats() {
		u := Upstream{Upstream: s.Name, Held: s.Held, Drained: slices.Contains(drains, Target{Upstream: s.Name}), Endpoints: []Endpoint{}}
		u.Counts = sum(totals, func(t session.Total) bool { return t.Upstream == s.Name })
		u.FromClient.add(legs[s.Name].To)
		u.FromUpstream.add(legs[s.Name].From)
		for _, e := range s.Endpoints {
			u.Endpoints = append(u.Endpoints, newEndpoint(e, pool))
		}
		list = append(list, u)
	}
	return list, nil
}

func newEndpoint(s upstream.EndpointStats, pool *upstream.Pool) Endpoint {
	e := Endpoint{
		Endpoint: s.Endpoint, State: s.State, Since: s.Since,
		Drained: s.State == upstream.Draining || s.State == upstream.Disabled,
		Open:    s.Sessions, Requests: s.Requests, Dials: s.Dials, DialTime: s.DialTime.Seconds(),
		DialFailures: s.DialFailures, Unanswered: s.Unanswered, Declined: s.Declined,
		ChecksPassed: s.ChecksPassed, ChecksFailed: s.ChecksFailed, LastError: s.LastError, LastErrorAt: s.LastErrorAt,
		RetryAt: s.RetryAt,
	}
	if one := pool.Endpoint(s.Identity); one != nil {
		e.Address = one.Address
	}
	return e
}
