package admin

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"usher/proxy/plain"
	"usher/proxy/route"
	"usher/proxy/session"
)

// Route is one line of the table, and what passes there.
type Route struct {
	Route    string `json:"route"`
	Upstream string `json:"upstream"`         // "" for several, by namespace, and for none
	Answer   string `json:"answer,omitempty"` // of usher's own: redirect or respond
	Line     int    `json:"line"`             // in the routes file
	Relay    string `json:"relay"`
	Drained  bool   `json:"drained"` // by an operator
	Counts

	Requests Requests `json:"requests"` // plain ones
}

// Counts are of the sessions of a route or upstream.
type Counts struct {
	Open         int               `json:"open"`
	Opened       uint64            `json:"opened"`
	Ends         map[string]uint64 `json:"ends"` // by cause
	FromClient   Traffic           `json:"from_client"`
	FromUpstream Traffic           `json:"from_upstream"`
	Handshake    Latency           `json:"handshake"` // from requests to their 101
	Dial         Latency           `json:"dial"`      // of which connections to endpoints took
}

// Latency is how long something took, since the process began.
type Latency struct {
	Count uint64  `json:"count"`
	Sum   float64 `json:"sum_s"`
}

func (c *Counts) add(t session.Total) {
	c.Open += t.Open
	c.Opened += t.Opened
	if c.Ends == nil {
		c.Ends = make(map[string]uint64)
	}
	for outcome, n := range t.Ends {
		c.Ends[outcome.Cause.String()] += n
	}
	c.FromClient.add(t.FromClient)
	c.FromUpstream.add(t.FromUpstream)
	c.Handshake.add(t.Handshake)
	c.Dial.add(t.Dial)
}

func (t *Traffic) add(other session.Traffic) {
	t.Messages += other.Messages
	t.Bytes += other.Bytes
}

func (l *Latency) add(h session.Histogram) {
	l.Count += h.Count
	l.Sum += h.Sum.Seconds()
}

// sum adds up the totals that fit.
func sum(totals []session.Total, fits func(session.Total) bool) Counts {
	c := Counts{Ends: make(map[string]uint64)}
	for _, t := range totals {
		if fits(t) {
			c.add(t)
		}
	}
	return c
}

func (h *Handler) routes(*http.Request) (any, error) {
	totals, requests, drains := h.Broker.Sessions().Totals(), h.Broker.Requests(), h.Broker.Drains()
	list := []Route{}
	for _, r := range h.Broker.Table().Routes() {
		one := newRoute(r)
		one.Drained = slices.Contains(drains, Target{Route: one.Route})
		one.Counts = sum(totals, func(t session.Total) bool { return t.Route == one.Route })
		one.Requests = sumRequests(requests, func(t plain.Totals) bool { return t.Route == one.Route })
		list = append(list, one)
	}
	return list, nil
}

func newRoute(r *route.Route) Route {
	return Route{Route: r.String(), Upstream: upstreamOf(r), Answer: r.Answer(), Line: r.Line, Relay: string(r.Relay)}
}

// upstreamOf is "" for a route that is split by namespace, as for its sessions:
// it has several; and for one that usher answers itself.
func upstreamOf(r *route.Route) string {
	if len(r.Namespaces) > 0 || r.Upstream == nil {
		return ""
	}
	return r.Upstream.Name
}

// Explanation says which route takes a request.
type Explanation struct {
	Route    string `json:"route,omitempty"` // left out if none does
	Upstream string `json:"upstream,omitempty"`
	Answer   string `json:"answer,omitempty"` // of usher's own: redirect or respond
	Path     string `json:"path,omitempty"`   // that the upstream sees
	Status   int    `json:"status,omitempty"` // that the client gets if no route takes it
	Reason   string `json:"reason,omitempty"` // likewise
	Steps    []Step `json:"steps"`            // in order of precedence, up to the route
}

// Step is what one route has to say to a request.
type Step struct {
	Route  string `json:"route"`
	Line   int    `json:"line"`
	Taken  bool   `json:"taken"`
	Reason string `json:"reason"`
}

func (h *Handler) explain(r *http.Request) (any, error) {
	host, path, upgrade, err := splitURL(r.FormValue("url"))
	if err != nil {
		return nil, err
	}
	table := h.Broker.Table()
	e := Explanation{Steps: []Step{}}
	for _, s := range table.Explain(host, path, upgrade) {
		e.Steps = append(e.Steps, Step{s.Route.String(), s.Route.Line, s.Taken, s.Reason})
	}
	m, err := table.Match(host, path, upgrade)
	if err != nil {
		e.Status, e.Reason = refusalOf(err), err.Error()
		return e, nil
	}
	e.Route, e.Upstream, e.Answer = m.Route.String(), upstreamOf(m.Route), m.Route.Answer()
	if e.Answer == "" {
		e.Path = m.UpstreamPath()
	}
	return e, nil
}

// splitURL takes host and path from a URL as a client would send them, and by
// its scheme whether that is an upgrade. What has no host is taken for a path on
// any.
func splitURL(text string) (host, path string, upgrade bool, err error) {
	u, err := url.Parse(text)
	if text == "" || err != nil || u.Host == "" && !strings.HasPrefix(text, "/") {
		return "", "", false, failure(http.StatusBadRequest, "url must be a URL such as \"wss://app.example.com/socket.io\", not %q", text)
	}
	if path = u.EscapedPath(); path == "" {
		path = "/"
	}
	return u.Host, path, u.Scheme == "ws" || u.Scheme == "wss", nil
}

func refusalOf(err error) int {
	switch {
	case errors.Is(err, route.ErrNoRoute), errors.Is(err, route.ErrPlainOnly):
		return http.StatusNotFound
	case errors.Is(err, route.ErrUpgradesOnly):
		return http.StatusUpgradeRequired
	case errors.Is(err, route.ErrNoHost):
		return http.StatusMisdirectedRequest
	}
	return http.StatusBadRequest
}
