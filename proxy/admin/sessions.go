package admin

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"usher/proxy/session"
)

// Session is one that is open.
type Session struct {
	ID           string    `json:"id"`
	Route        string    `json:"route"`
	Upstream     string    `json:"upstream"`
	Endpoint     string    `json:"endpoint"` // its address
	Client       string    `json:"client"`
	Started      time.Time `json:"started"`
	Age          float64   `json:"age_s"`
	Idle         float64   `json:"idle_s"`      // since data last came from either side
	Handshake    float64   `json:"handshake_s"` // from the request to the 101
	FromClient   Traffic   `json:"from_client"`
	FromUpstream Traffic   `json:"from_upstream"`
	*Split
}

// Split is what a session has besides that is split by namespace: its upstream
// and endpoint are empty.
type Split struct {
	Transport  string   `json:"transport"` // polling, probing, websocket
	Revision   int      `json:"revision"`  // of Engine.IO
	Namespaces []string `json:"namespaces"`
	Waiting    []string `json:"waiting"` // namespaces that the client has asked for and waits for
	Legs       []Leg    `json:"legs"`
}

// Leg is one that is open.
type Leg struct {
	Upstream string `json:"upstream"`
	Endpoint string `json:"endpoint"` // its address
}

// patience is how long a list waits for the loops of its sessions.
const patience = time.Second

// Traffic is what has passed one way.
type Traffic struct {
	Messages uint64 `json:"messages"`
	Bytes    uint64 `json:"bytes"`
}

// SessionPage is a part of a list.
type SessionPage struct {
	Sessions []Session `json:"sessions"`
	Total    int       `json:"total"`          // that fit, on this page or others
	Next     string    `json:"next,omitempty"` // cursor of the next page; left out on the last
}

// The number of sessions on a page.
const (
	defaultLimit = 100
	maxLimit     = 1000
)

func newSession(s *session.Session, now time.Time) Session {
	return Session{
		ID: s.ID, Route: s.Route, Upstream: s.Upstream, Endpoint: s.Endpoint, Client: s.Client,
		Started: s.Started, Age: now.Sub(s.Started).Seconds(), Idle: s.Idle(now).Seconds(),
		Handshake:  s.Handshake.Seconds(),
		FromClient: newTraffic(&s.FromClient), FromUpstream: newTraffic(&s.FromUpstream),
	}
}

func newTraffic(c *session.Counters) Traffic {
	return Traffic{Messages: c.Messages.Load(), Bytes: c.Bytes.Load()}
}

func (h *Handler) listSessions(r *http.Request) (any, error) {
	f, err := readFilter(r, "cursor")
	if err != nil {
		return nil, err
	}
	limit, err := readLimit(r, defaultLimit)
	if err != nil {
		return nil, err
	}
	before := ^uint64(0)
	if text := r.FormValue("cursor"); text != "" {
		if before, err = strconv.ParseUint(text, 10, 64); err != nil {
			return nil, failure(http.StatusBadRequest, "cursor %q is none that a page had", text)
		}
	}
	now, fit := time.Now(), h.search(r, f)
	page := SessionPage{Total: len(fit)}
	var shown []*session.Session
	for _, s := range fit {
		switch {
		case s.Number >= before:
		case len(shown) < limit:
			shown = append(shown, s)
		default:
			page.Next = strconv.FormatUint(shown[len(shown)-1].Number, 10)
		}
	}
	page.Sessions = h.describe(r, shown, now)
	return page, nil
}

// search returns the open sessions that fit, the newest first. Only the loops
// know the namespaces, and they are asked about those sessions alone that do
// not fit without.
func (h *Handler) search(r *http.Request, f filter) []*session.Session {
	fit := slices.DeleteFunc(h.Broker.Sessions().Live(), func(s *session.Session) bool { return !f.takes(s) })
	if f.text == "" {
		return fit
	}
	unsure := slices.DeleteFunc(slices.Clone(fit), func(s *session.Session) bool { return f.finds(s, nil) })
	said := h.details(r, unsure)
	return slices.DeleteFunc(fit, func(s *session.Session) bool { return !f.finds(s, slices.Concat(said[s].Namespaces, said[s].Waiting)) })
}

// details asks the loops about those of list that are split.
func (h *Handler) details(r *http.Request, list []*session.Session) map[*session.Session]session.Detail {
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	return h.Broker.Describe(ctx, list)
}

// describe shows sessions with all that is known of them.
func (h *Handler) describe(r *http.Request, list []*session.Session, now time.Time) []Session {
	said := h.details(r, list)
	all := make([]Session, 0, len(list))
	for _, s := range list {
		one := newSession(s, now)
		if d, ok := said[s]; ok {
			one.Split = &Split{
				Transport: d.Transport, Revision: d.Revision, Legs: notNil(legsOf(s)),
				Namespaces: notNil(d.Namespaces), Waiting: notNil(d.Waiting),
			}
		}
		all = append(all, one)
	}
	return all
}

func legsOf(s *session.Session) (list []Leg) {
	legs, _ := s.Legs()
	for _, l := range legs {
		list = append(list, Leg{l.Upstream, l.Endpoint})
	}
	return list
}

// readLimit reads how many are wanted.
func readLimit(r *http.Request, fallback int) (int, error) {
	text := r.FormValue("limit")
	if text == "" {
		return fallback, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxLimit {
		return 0, failure(http.StatusBadRequest, "limit must be a number from 1 to %d, not %q", maxLimit, text)
	}
	return n, nil
}

func (h *Handler) oneSession(r *http.Request) (any, error) {
	id := r.PathValue("id")
	if s := h.find(id); s != nil {
		return h.describe(r, []*session.Session{s}, time.Now())[0], nil
	}
	for _, e := range h.Broker.Sessions().Ended() {
		if e.ID == id {
			return newEnded(e), nil
		}
	}
	return nil, failure(http.StatusNotFound, "no session has the id %q", id)
}

// find returns the newest session of that id, nil if there is none. A trusted
// peer may have given one id to several.
func (h *Handler) find(id string) *session.Session {
	for _, s := range h.Broker.Sessions().Live() {
		if s.ID == id {
			return s
		}
	}
	return nil
}
