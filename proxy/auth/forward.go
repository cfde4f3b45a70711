package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"

	"usher/proxy/config"
	"usher/proxy/headers"
	"usher/proxy/http1"
	"usher/proxy/refusal"
)

const (
	mostWaiting = 256      // questions of one auth
	mostAgain   = 128      // of them about sessions that are open: who comes finds room
	mostAnswer  = 64 << 10 // bytes of an answer's body that clients are told
)

var errBusy = errors.New("too many questions wait")

// service is asked about each request.
type service struct {
	*config.ForwardAuth
	url    string // static
	client *http.Client
	user   string // static: the header that names the user alone, "" if it is not known
	rules  headers.Rules
	asking singleflight.Group
	room   chan struct{} // one for each question that waits
	again  chan struct{} // one for each of them about a session that is open
	log    *slog.Logger
	outage outage
}

func newService(a *config.ForwardAuth, client *http.Client, cfg *config.Config, log *slog.Logger) *service {
	s := &service{log: log, ForwardAuth: a, url: a.URL, client: client, user: cfg.NamesUser(a), rules: headers.Rules{Trusted: cfg.TrustedProxies}, room: make(chan struct{}, mostWaiting), again: make(chan struct{}, mostAgain)}
	if rest, ok := strings.CutPrefix(a.URL, "unix:"); ok {
		_, path, _ := strings.Cut(rest, ":")
		s.url = "http://localhost/" + strings.TrimPrefix(path, "/")
	}
	return s
}

// quick implements way.
func (s *service) quick(question, time.Time) (Grant, bool) { return Grant{}, false }

// reply is what the service has said.
type reply struct {
	grant  Grant
	answer *refusal.Reply // for the client, nil if it may come in
}

// personal tells whether r has something for one client alone.
func (r reply) personal() bool {
	return len(r.grant.Cookies) > 0 || r.answer != nil && len(r.answer.Header["Set-Cookie"]) > 0
}

// check implements way. Requests that are alike are asked about once.
func (s *service) check(q question, _ time.Time) (Grant, error) {
	head := s.head(q)
	text := textOf(head)
	asked := s.asking.DoChan(text, func() (any, error) { return s.ask(head) })
	select {
	case got := <-asked:
		if r, _ := got.Val.(reply); got.Shared && r.personal() {
			got.Val, got.Err = s.ask(head.Clone()) // a cookie is for one
		}
		if got.Err != nil {
			return Grant{}, unknown("the service of forward does not answer rightly", got.Err)
		}
		r := got.Val.(reply)
		if r.answer != nil {
			return Grant{}, &refusal.Error{Status: r.answer.Status, Reason: refusal.Auth, Rule: "the service of forward says no", Reply: r.answer}
		}
		r.grant.Question = ParseQuestion(text)
		return r.grant, nil
	case <-q.Context().Done():
		return Grant{}, context.Cause(q.Context())
	}
}

// shows implements way. What else a service looks at is not known: those who show
// nothing of this are who began.
func (s *service) shows(q question) string {
	if len(q.Header["Cookie"])+len(q.Header["Authorization"]) == 0 {
		return ""
	}
	return strings.Join(q.Header["Cookie"], "; ") + "\n" + strings.Join(q.Header["Authorization"], "\n")
}

// notAsked are headers that say nothing about who comes.
var notAsked = []string{"Content-Length", "Content-Type", "Content-Encoding", "Expect", "Traceparent", "Tracestate", "X-Request-Id", "Forwarded", headers.Via, "Range"}

// head is what the service is told: the client's headers but for those of its
// connection, of WebSocket and of a body, and by two conventions what it asks for.
func (s *service) head(q question) http.Header {
	h := q.Header.Clone()
	s.rules.Apply(h, q.sender, config.Headers{})
	for name := range h {
		meant := headers.Meaning(name) // of a service that reads headers as CGI has them
		if slices.Contains(notAsked, meant) || strings.HasPrefix(meant, "Sec-Websocket-") || strings.HasPrefix(meant, "If-") || strings.HasPrefix(meant, "X-Original-") {
			delete(h, name)
		}
	}
	origin := q.sender.Proto + "://" + q.sender.Host
	h["X-Forwarded-Host"] = []string{q.sender.Host}
	h["X-Forwarded-Proto"] = []string{q.sender.Proto}
	h["X-Forwarded-Method"], h["X-Original-Method"] = []string{q.Method}, []string{q.Method}
	h["X-Forwarded-Uri"] = []string{q.RequestURI}
	h["X-Original-Url"] = []string{origin + q.RequestURI}
	return h
}

func (s *service) ask(head http.Header) (r reply, err error) {
	select {
	case s.room <- struct{}{}:
		defer func() { <-s.room }()
	default:
		return r, errBusy
	}
	defer func() { s.outage.note(err, s.log, shown(s.URL)) }()
	ctx, cancel := context.WithTimeout(context.Background(), s.Timeout) // of all who ask the same
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return r, err
	}
	req.Header = head
	res, err := s.client.Do(req)
	if err != nil {
		return r, err
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode < http.StatusOK:
		return r, fmt.Errorf("answered with status %d", res.StatusCode)
	case res.StatusCode < http.StatusMultipleChoices:
		io.CopyN(io.Discard, res.Body, mostAnswer) //nolint:errcheck // so that the connection is kept
		r.grant, err = s.granted(res.Header)
		return r, err
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, mostAnswer))
	if err != nil {
		return r, err
	}
	headers.RemoveHopByHop(res.Header)
	delete(res.Header, "Content-Length")
	for name, values := range res.Header {
		if !http1.IsToken(name) || slices.ContainsFunc(values, isNoValue) {
			return r, fmt.Errorf("answered with a header %q that nobody can be told", name)
		}
	}
	r.answer = &refusal.Reply{Status: res.StatusCode, Header: res.Header, Body: body}
	return r, nil
}

func isNoValue(v string) bool { return !http1.IsValue(v) }

// granted is what a 2xx answer gives.
func (s *service) granted(h http.Header) (g Grant, err error) {
	for _, name := range s.Headers {
		if values := h[name]; len(values) > 0 {
			value := strings.Join(values, ",")
			if isNoValue(value) {
				return g, fmt.Errorf("answered with a %s that no header can hold", name)
			}
			g.Headers = append(g.Headers, config.Header{Name: name, Value: value})
			if name == s.user {
				g.Who = value
			}
		}
	}
	g.Cookies = h["Set-Cookie"]
	if slices.ContainsFunc(g.Cookies, isNoValue) {
		return g, errors.New("answered with a Set-Cookie that no header can hold")
	}
	if at := h["X-Auth-Expires"]; len(at) > 0 && !s.Expiry.Keep {
		seconds, err := strconv.ParseInt(at[0], 10, 64)
		if err != nil || seconds <= 0 || len(at) > 1 {
			return g, errors.New("answered with an X-Auth-Expires that is no time in seconds since 1970")
		}
		g.Expires, g.Code = seconds, s.Expiry.Code
	}
	return g, nil
}
