package admin

import (
	"net/http"
	"time"

	"usher/proxy/incident"
	"usher/proxy/plain"
	"usher/proxy/session"
)

// Status is one summary.
type Status struct {
	Version  string    `json:"version"`
	Phase    Phase     `json:"phase"`
	Ready    bool      `json:"ready"`
	Started  time.Time `json:"started"`
	Uptime   float64   `json:"uptime_s"`
	File     string    `json:"file"`     // the routes file
	Operator Operator  `json:"operator"` // who asks

	Incidents    []incident.Incident `json:"incidents"` // what is wrong now, the worst first
	Sessions     Counts              `json:"sessions"`
	Handshakes   Claims              `json:"handshakes"`
	Requests     Requests            `json:"requests"` // plain ones
	Reloads      Reloads             `json:"reloads"`
	Drained      []Target            `json:"drained"`
	Routes       []Route             `json:"routes"`
	Upstreams    []Upstream          `json:"upstreams"`
	Certificates []Certificate       `json:"certificates"`
	Outages      []Outage            `json:"auth_outages"`
}

func (h *Handler) status(r *http.Request) (any, error) {
	routes, _ := h.routes(r)
	upstreams, _ := h.upstreams(r)
	certificates, _ := h.certificates(r)
	phase := h.Broker.Phase()
	return Status{
		Version: h.Broker.Version(), Phase: phase, Ready: phase.Ready(),
		Started: h.began, Uptime: time.Since(h.began).Seconds(),
		File: h.Broker.Config().File, Operator: operatorOf(r),
		Sessions:   sum(h.Broker.Sessions().Totals(), func(session.Total) bool { return true }),
		Requests:   sumRequests(h.Broker.Requests(), func(plain.Totals) bool { return true }),
		Handshakes: h.Broker.Claims(), Reloads: h.Broker.Reloads(), Drained: notNil(h.Broker.Drains()),
		Routes: routes.([]Route), Upstreams: upstreams.([]Upstream), Certificates: certificates.([]Certificate),
		Outages: notNil(h.Broker.Outages()), Incidents: notNil(h.Broker.Incidents(r.Context())),
	}, nil
}

func (h *Handler) incidents(r *http.Request) (any, error) {
	return notNil(h.Broker.Incidents(r.Context())), nil
}
