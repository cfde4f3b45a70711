package admin

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"usher/proxy/config"
	"usher/proxy/session"
)

// CloseOrder says which sessions to close, and how. At least one of the first
// five must be set; sessions must fit all that are. If none does and the routes
// file has no such route, upstream or endpoint, that is told (404).
type CloseOrder struct {
	Route    string       `json:"route,omitempty"`
	Upstream string       `json:"upstream,omitempty"`
	Endpoint string       `json:"endpoint,omitempty"`
	Client   string       `json:"client,omitempty"` // an address or a network
	Header   *HeaderValue `json:"header,omitempty"` // that the handshake had; one of close_by

	Code   uint16 `json:"code,omitempty"`   // of the Close frames; if 0, 1008
	Reason string `json:"reason,omitempty"` // likewise; 123 bytes at most
}

// HeaderValue is a header of a handshake.
type HeaderValue struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Closed is how many sessions are being closed.
type Closed struct {
	Closed int `json:"closed"`
}

const (
	defaultCode   = 1008 // policy violation
	defaultReason = "closed by an operator"
	maxReason     = 123 // RFC 6455, 5.5: 125 bytes less the code
	closePatience = 10 * time.Second
)

func (h *Handler) closeSession(r *http.Request) (any, error) {
	_, d, err := readCloseOrder(r)
	if err != nil {
		return nil, err
	}
	id := r.PathValue("id")
	var list []*session.Session
	for _, s := range h.Broker.Sessions().Live() {
		if s.ID == id {
			list = append(list, s)
		}
	}
	if len(list) == 0 {
		return nil, failure(http.StatusNotFound, "no open session has the id %q", id)
	}
	return h.close(r, list, d, []any{"id", id}), nil
}

func (h *Handler) closeSessions(r *http.Request) (any, error) {
	order, d, err := readCloseOrder(r)
	if err != nil {
		return nil, err
	}
	takes, err := h.meant(order)
	if err != nil {
		return nil, err
	}
	list := slices.DeleteFunc(h.Broker.Sessions().Live(), func(s *session.Session) bool { return !takes(s) })
	if len(list) == 0 { // else some are open on what a reload has removed
		if err := cmp.Or(h.has(Target{Route: order.Route}), h.has(Target{Upstream: order.Upstream, Endpoint: order.Endpoint})); err != nil {
			return nil, err
		}
	}
	return h.close(r, list, d, order.criteria()), nil
}

// criteria returns what o names, for the log: of a header no more than its name,
// as its value says who somebody is.
func (o CloseOrder) criteria() []any {
	var header string
	if o.Header != nil {
		header = http.CanonicalHeaderKey(o.Header.Name)
	}
	var list []any
	for _, c := range [][2]string{{"route", o.Route}, {"upstream", o.Upstream}, {"endpoint", o.Endpoint}, {"client", o.Client}, {"header", header}} {
		if c[1] != "" {
			list = append(list, c[0], c[1])
		}
	}
	return list
}

// readCloseOrder returns the order in r, and how its sessions are to end.
func readCloseOrder(r *http.Request) (order CloseOrder, d session.Drain, err error) {
	if err = readJSON(r, &order); err == nil {
		d, err = order.drain()
	}
	return order, d, err
}

func (h *Handler) close(r *http.Request, list []*session.Session, d session.Drain, criteria []any) Closed {
	if len(list) > 0 {
		args := append([]any{"sessions", len(list), "code", int(d.Code)}, criteria...)
		h.Log.Info("operator closes sessions", by(r, args...)...)
		h.Broker.Close(list, d)
	}
	return Closed{len(list)}
}

// meant returns which sessions an order is about.
func (h *Handler) meant(o CloseOrder) (func(*session.Session) bool, error) {
	if o.Route == "" && o.Upstream == "" && o.Endpoint == "" && o.Client == "" && o.Header == nil {
		return nil, failure(http.StatusBadRequest, "the order must name a route, upstream, endpoint, client or header: to close all sessions, drain")
	}
	f, err := newFilter(o.Route, o.Upstream, o.Endpoint, o.Client, "")
	if err != nil || o.Header == nil {
		return f.takes, err
	}
	marker := h.Broker.Marker()
	if marker == nil || !slices.Contains(marker.Names(), http.CanonicalHeaderKey(o.Header.Name)) {
		return nil, failure(http.StatusBadRequest, "header %q is not in admin.close_by: usher has not kept it", o.Header.Name)
	}
	mark := marker.Mark(o.Header.Name, o.Header.Value)
	return func(s *session.Session) bool { return f.takes(s) && s.Marked(mark) }, nil
}

// drain returns how the sessions of an order end: all at once.
func (o CloseOrder) drain() (session.Drain, error) {
	d := session.Drain{
		Cause: session.Cause{Side: session.Usher, Event: session.Operator},
		Code:  defaultCode, Reason: defaultReason, Until: time.Now().Add(closePatience),
	}
	if o.Code != 0 {
		d.Code = o.Code
	}
	if o.Reason != "" {
		d.Reason = o.Reason
	}
	switch {
	case !maySend(d.Code):
		return d, failure(http.StatusBadRequest, "code must be 1000, 1001, 1008, 1011, 1012, 1013 or from 3000 to 4999, not %d", d.Code)
	case len(d.Reason) > maxReason || !utf8.ValidString(d.Reason):
		return d, failure(http.StatusBadRequest, "reason must be text of %d bytes at most (RFC 6455, 5.5)", maxReason)
	}
	return d, nil
}

// maySend tells whether a server may say so without the client being at fault.
func maySend(code uint16) bool {
	switch code {
	case 1000, 1001, 1008, 1011, 1012, 1013:
		return true
	}
	return code >= 3000 && code <= 4999 // RFC 6455, 7.4.2
}

// Reloaded is what came of a reload.
type Reloaded struct {
	File     string   `json:"file"`
	Warnings []string `json:"warnings"`
	Changes
}

// Changes are how what is served differs from what was before a reload. A route
// that does something else now counts as removed and as added.
type Changes struct {
	Same             bool `json:"same"` // the file says what it said before
	RoutesAdded      int  `json:"routes_added"`
	RoutesRemoved    int  `json:"routes_removed"`
	EndpointsAdded   int  `json:"endpoints_added"`
	EndpointsRemoved int  `json:"endpoints_removed"`
	ListenersAdded   int  `json:"listeners_added"`
	ListenersRemoved int  `json:"listeners_removed"`
	Sessions         int  `json:"sessions"` // that drain
	Legs             int  `json:"legs"`     // with namespaces: that have a leg to what was removed
}

func (h *Handler) reload(r *http.Request) (any, error) {
	if err := readJSON(r, &struct{}{}); err != nil {
		return nil, err
	}
	h.Log.Info("operator reloads", by(r)...)
	changes, err := h.Broker.Reload()
	if list, ok := errors.AsType[config.Errors](err); ok {
		return nil, &Error{Status: http.StatusUnprocessableEntity, Text: counted(len(list)), List: texts(list)}
	}
	if err != nil {
		return nil, failure(http.StatusUnprocessableEntity, "%v", err)
	}
	cfg := h.Broker.Config()
	return Reloaded{File: cfg.File, Warnings: texts(cfg.Warnings), Changes: changes}, nil
}

func counted(n int) string {
	if n == 1 {
		return "the routes file has 1 error"
	}
	return "the routes file has " + strconv.Itoa(n) + " errors"
}

func texts(list config.Errors) []string {
	all := make([]string, len(list))
	for i, e := range list {
		all[i] = e.Error()
	}
	return all
}
