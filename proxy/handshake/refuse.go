package handshake

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"

	"usher/proxy/headers"
	"usher/proxy/route"
	"usher/proxy/upstream"
)

// Error is a refusal: what the client is told, and what only the log is told.
type Error struct {
	Status int
	Reason Reason
	Rule   string // names the broken rule, to the client; nothing internal
	Hint   string // what the operator may do about it; for the log
	Err    error  // the cause; for the log

	engineIO bool   // it is told as servers of Engine.IO do
	origin   string // that is not allowed, if it can be
	warn     bool   // the log is to have a warning
}

func (e *Error) Error() string {
	if e.Err != nil {
		return e.Rule + ": " + e.Err.Error()
	}
	return e.Rule
}

func (e *Error) Unwrap() error { return e.Err }

func refusal(status int, reason Reason, format string, args ...any) *Error {
	return &Error{Status: status, Reason: reason, Rule: fmt.Sprintf(format, args...)}
}

// Allow is the methods that are served, as the header of that name has them.
const Allow = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"

// TellOptions answers who asks what usher itself can do (RFC 9110, 9.3.7).
func TellOptions(w http.ResponseWriter) {
	w.Header()["Allow"] = []string{Allow}
	w.Header()["Content-Length"] = []string{"0"}
	w.WriteHeader(http.StatusOK)
}

// Refuse turns err into a short plain answer, counts it and logs it. It is the
// one place that does, for plain requests too. The answer must not have begun.
func (h *Handler) Refuse(w http.ResponseWriter, r *http.Request, s headers.Sender, err error) {
	h.refuse(w, r, h.traced(r, s), err)
}

func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, s headers.Sender, err error) {
	e := asError(r, err)
	h.note(r, s, e)
	head := w.Header()
	clear(head)
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Cache-Control", "no-store")
	// What stands behind a refused request may not be one: a client that asked
	// for another protocol may have begun to speak it.
	if r.ProtoMajor == 1 && (r.Header["Upgrade"] != nil || r.ContentLength != 0 || e.Status == http.StatusBadRequest) {
		head.Set("Connection", "close")
	}
	switch e.Status {
	case http.StatusMethodNotAllowed:
		head.Set("Allow", Allow)
	case http.StatusUpgradeRequired:
		head.Set("Sec-WebSocket-Version", "13")
		if r.ProtoMajor == 1 { // RFC 9110, 15.5.22; net/http keeps what has close in its first line
			head["Upgrade"], head["Connection"] = []string{"websocket"}, []string{"close", "Upgrade"}
		}
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		head.Set("Retry-After", "1")
	}
	kind, body := e.body(r)
	head.Set("Content-Type", kind)
	head.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(e.Status)
	if r.Method != http.MethodHead {
		w.Write([]byte(body)) //nolint:errcheck // a client that does not listen is not our concern
	}
}

// body returns the answer's. A client of Engine.IO finds the code of an error
// where it looks for it.
func (e *Error) body(r *http.Request) (kind, body string) {
	switch {
	case !e.engineIO:
		return "text/plain; charset=utf-8", strconv.Itoa(e.Status) + " " + strings.ToLower(http.StatusText(e.Status)) + ": " + e.Rule + "\n"
	case IsUpgrade(r):
		return "text/html", unknownSID
	}
	return "application/json", `{"code":1,"message":"` + unknownSID + `"}`
}

// unknownSID is the message of Engine.IO's code 1.
const unknownSID = "Session ID unknown"

// note counts a refusal, has it leave a line, and ends its trace. The line is
// without the query and all headers but Host: they hold secrets.
func (h *Handler) note(r *http.Request, s headers.Sender, e *Error) {
	s.Trace.Refused(e.Status, e.Reason.String())
	attrs := []slog.Attr{slog.Int("status", e.Status), slog.String("reason", e.Reason.String()), slog.String("rule", e.Rule)}
	if r.Pattern != "" {
		attrs = append(attrs, slog.String("route", r.Pattern))
	}
	attrs = append(attrs, ofRequest(r, s)...)
	if e.Hint != "" {
		attrs = append(attrs, slog.String("hint", e.Hint))
	}
	if e.Err != nil {
		attrs = append(attrs, slog.Any("err", e.Err))
	}
	level := levelOf(e.Status)
	if e.warn {
		level = slog.LevelWarn
	}
	h.Counters.Refusals.Note(h.Log, level, e.Reason.kind(r.Pattern), "request refused", attrs...)
}

// logDeclined tells of an upstream that has answered an upgrade with status:
// it leads to no session, whose end would be in the log.
func (h *Handler) logDeclined(r *http.Request, c *Claim, status int, hint string) {
	if h.Log == nil {
		return
	}
	attrs := append([]slog.Attr{
		slog.Int("status", status), slog.String("route", c.Route.String()), slog.String("upstream", c.Upstream.Name),
	}, ofRequest(r, c.Sender)...)
	if hint != "" {
		attrs = append(attrs, slog.String("hint", hint))
	}
	h.Log.LogAttrs(r.Context(), levelOf(status), "upgrade declined by upstream", attrs...)
}

func ofRequest(r *http.Request, s headers.Sender) []slog.Attr {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	return []slog.Attr{
		slog.String("id", s.ID), slog.String("client", s.Address()), slog.String("host", r.Host), slog.String("path", path),
	}
}

func levelOf(status int) slog.Level {
	if status >= 500 {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// asError finds the answer to an error of any package behind a request.
func asError(r *http.Request, err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	// Whoever cancelled the request may have said why, as the server does when
	// it stops; a dialler's error does not tell.
	if e, ok := errors.AsType[*Error](context.Cause(r.Context())); ok {
		return e
	}
	if errors.Is(err, upstream.ErrUnknownSID) {
		return &Error{Status: http.StatusBadRequest, Reason: Protocol, Rule: "no endpoint of the upstream knows the sid", Err: err, engineIO: true}
	}
	status, reason, rule := http.StatusBadGateway, Answer, "upstream gave no valid answer"
	netErr, isNet := errors.AsType[net.Error](err)
	dialErr, isDial := errors.AsType[*upstream.DialError](err)
	wait, isWait := errors.AsType[*upstream.WaitError](err)
	switch {
	case errors.Is(err, route.ErrPath):
		status, reason, rule = http.StatusBadRequest, Path, "path has no safe normal form"
	case errors.Is(err, route.ErrNoRoute), errors.Is(err, route.ErrPlainOnly):
		status, reason, rule = http.StatusNotFound, NoRoute, err.Error()
	case errors.Is(err, route.ErrUpgradesOnly):
		status, reason, rule = http.StatusUpgradeRequired, Upgrade, err.Error()
	case errors.Is(err, route.ErrNoHost):
		status, reason, rule = http.StatusMisdirectedRequest, NoHost, "no route takes this host"
	case r.Context().Err() != nil || errors.Is(err, context.Canceled):
		reason, rule = Gone, "client went away"
	case errors.Is(err, upstream.ErrNoEndpoint):
		status, reason, rule = http.StatusServiceUnavailable, Endpoint, "no endpoint of the upstream may be used"
	case isWait:
		status, reason, rule = http.StatusServiceUnavailable, Waiting, wait.Error()
	case errors.Is(err, upstream.ErrFull):
		status, reason, rule = http.StatusServiceUnavailable, Full, "all endpoints of the upstream are full"
	case isDial && dialErr.Timeout():
		status, reason, rule = http.StatusGatewayTimeout, Timeout, "upstream took too long to connect"
	case isDial:
		reason, rule = Dial, "upstream cannot be reached"
	case isNet && netErr.Timeout():
		status, reason, rule = http.StatusGatewayTimeout, Timeout, "upstream took too long to answer"
	}
	return &Error{Status: status, Reason: reason, Rule: rule, Err: err}
}
