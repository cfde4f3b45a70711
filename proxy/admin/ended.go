package admin

import (
	"net/http"
	"slices"
	"time"

	"usher/proxy/session"
)

// Ended is a session that has ended, and why.
type Ended struct {
	ID           string    `json:"id"`
	Route        string    `json:"route"`
	Upstream     string    `json:"upstream"`
	Endpoint     string    `json:"endpoint"`
	Client       string    `json:"client"`
	Started      time.Time `json:"started"`
	Ended        time.Time `json:"ended"`
	Duration     float64   `json:"duration_s"`
	Cause        string    `json:"cause"`
	Code         uint16    `json:"code"`            // of the first Close frame; 0 for none
	Detail       string    `json:"error,omitempty"` // what the log has of it
	FromClient   Traffic   `json:"from_client"`
	FromUpstream Traffic   `json:"from_upstream"`
	Namespaces   []string  `json:"namespaces,omitempty"` // that the client used at the end
	Legs         []Leg     `json:"legs,omitempty"`       // that it had then
}

// EndedPage is the ended sessions that are remembered, or some of them.
type EndedPage struct {
	Sessions []Ended `json:"sessions"`
	Total    int     `json:"total"` // that fit, listed or not
}

func newEnded(e session.Ended) Ended {
	s := Ended{
		ID: e.ID, Route: e.Route, Upstream: e.Upstream, Endpoint: e.Endpoint, Client: e.Client,
		Started: e.Started, Ended: e.Time, Duration: e.Time.Sub(e.Started).Seconds(),
		Cause: e.Cause.String(), Code: e.Code,
		FromClient: newTraffic(&e.FromClient), FromUpstream: newTraffic(&e.FromUpstream),
		Namespaces: slices.Sorted(slices.Values(e.Namespaces)), Legs: legsOf(e.Session),
	}
	if e.Err != nil {
		s.Detail = e.Err.Error()
	}
	return s
}

func (h *Handler) listEnded(r *http.Request) (any, error) {
	f, err := readFilter(r, "cause")
	if err != nil {
		return nil, err
	}
	limit, err := readLimit(r, maxLimit)
	if err != nil {
		return nil, err
	}
	cause := r.FormValue("cause")
	page := EndedPage{Sessions: []Ended{}}
	for _, e := range h.Broker.Sessions().Ended() {
		if !f.takes(e.Session) || !f.finds(e.Session, e.Namespaces) || cause != "" && cause != e.Cause.String() {
			continue
		}
		page.Total++
		if len(page.Sessions) < limit {
			page.Sessions = append(page.Sessions, newEnded(e))
		}
	}
	return page, nil
}

func (h *Handler) certificates(*http.Request) (any, error) {
	list := h.Broker.Certificates()
	now := time.Now()
	for i := range list {
		if !list[i].NotAfter.IsZero() {
			list[i].Left = list[i].NotAfter.Sub(now).Seconds()
		}
	}
	return notNil(list), nil
}

// notNil has an empty list written as one.
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
