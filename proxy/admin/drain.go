package admin

import (
	"fmt"
	"net/http"
	"slices"

	"usher/proxy/config"
	"usher/proxy/route"
	"usher/proxy/upstream"
)

// DrainAnswer is what a drain concerns, and what is drained now in all.
type DrainAnswer struct {
	Sessions int      `json:"sessions"` // that were open when it began
	Legs     int      `json:"legs"`     // with namespaces: that have a leg there, and end with it or go on without
	Undone   bool     `json:"undone"`   // by enable: it was drained before
	Drained  []Target `json:"drained"`
}

func (h *Handler) drain(r *http.Request) (any, error) {
	t, err := h.target(r)
	if err != nil {
		return nil, err
	}
	sessions, legs := h.Broker.Drain(t)
	h.Log.Info("operator drains", by(r, "target", t.String(), "sessions", sessions, "legs", legs)...)
	return DrainAnswer{Sessions: sessions, Legs: legs, Drained: notNil(h.Broker.Drains())}, nil
}

func (h *Handler) enable(r *http.Request) (any, error) {
	t, err := h.target(r)
	if err != nil {
		return nil, err
	}
	undone := h.Broker.Enable(t)
	h.Log.Info("operator enables", by(r, "target", t.String())...)
	return DrainAnswer{Undone: undone, Drained: notNil(h.Broker.Drains())}, nil
}

// target reads what an order is about, which must be there.
func (h *Handler) target(r *http.Request) (Target, error) {
	var t Target
	if err := readJSON(r, &t); err != nil {
		return t, err
	}
	if n := t.fields(); n != 1 && (n != 2 || t.Upstream == "" || t.Endpoint == "") {
		return t, failure(http.StatusBadRequest, "the order must name one of route, upstream, endpoint and all, or an endpoint of an upstream")
	}
	return t, h.has(t)
}

// has returns an error if the routes file does not have what t names.
func (h *Handler) has(t Target) error {
	if !t.In(h.Broker.Config(), h.Broker.Table(), h.Broker.Pool()) {
		return failure(http.StatusNotFound, "the routes file has no %s", t)
	}
	return nil
}

func (t Target) fields() int {
	n := 0
	for _, set := range []bool{t.Route != "", t.Upstream != "", t.Endpoint != "", t.All} {
		if set {
			n++
		}
	}
	return n
}

// String returns the target for people.
func (t Target) String() string {
	switch {
	case t.Route != "":
		return fmt.Sprintf("route %q", t.Route)
	case t.Endpoint != "" && t.Upstream != "":
		return fmt.Sprintf("endpoint %q of upstream %q", t.Endpoint, t.Upstream)
	case t.Endpoint != "":
		return fmt.Sprintf("endpoint %q", t.Endpoint)
	case t.Upstream != "":
		return fmt.Sprintf("upstream %q", t.Upstream)
	}
	return "everything"
}

// In tells whether a routes file has what t names.
func (t Target) In(cfg *config.Config, table *route.Table, pool *upstream.Pool) bool {
	switch {
	case t.Route != "":
		return slices.ContainsFunc(table.Routes(), func(r *route.Route) bool { return r.String() == t.Route })
	case t.Endpoint != "":
		return len(t.Endpoints(cfg, pool)) > 0
	case t.Upstream != "":
		return pool.Get(t.Upstream) != nil
	}
	return true
}

// Endpoints returns the endpoints that t names.
func (t Target) Endpoints(cfg *config.Config, pool *upstream.Pool) []*upstream.Endpoint {
	var list []*upstream.Endpoint
	for _, u := range cfg.Upstreams {
		for _, e := range pool.Get(u.Name).Endpoints() {
			if t.Names(u.Name, e) {
				list = append(list, e)
			}
		}
	}
	return list
}
