// Package refusal is how usher says no. Whoever refuses a request makes an Error
// and hands it to the Writer, which tells the client, counts it, and has some of
// them leave a line in the log. Those who are refused are strangers: they are to
// be seen, but can neither fill the disk nor hide others behind their lines.
package refusal

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"usher/proxy/engineio"
	"usher/proxy/http1"
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

	Warn   bool // the log is to have a warning
	Logged bool // the log has a line of it already: it is counted only

	RetryAfter string    // in seconds; "" for what the status asks for
	Challenge  string    // what WWW-Authenticate says; "" for nothing
	Reply      *Reply    // in place of usher's own words; nil for those
	EngineIO   *EngineIO // nil for a client that is told by a line of text
}

// Reply is what somebody else has the client be told.
type Reply struct {
	Status int
	Header http.Header // but for what concerns its connection
	Body   []byte
}

// EngineIO is how a client of Engine.IO is told: where it looks for it.
type EngineIO struct {
	Code    engineio.Code
	Message string
	Empty   bool // the status says it all

	// Server says that usher is the server that the client speaks with, not in
	// front of it. The answer has what has been set of its head, and a broken
	// rule of the protocol does not end the connection.
	Server bool
}

// New returns a refusal whose rule is made of format and args.
func New(status int, reason Reason, format string, args ...any) *Error {
	return &Error{Status: status, Reason: reason, Rule: fmt.Sprintf(format, args...)}
}

// UnknownSID returns a refusal that has a client of Engine.IO begin another session.
func UnknownSID(reason Reason, rule string) *Error {
	return &Error{
		Status: http.StatusBadRequest, Reason: reason, Rule: rule,
		EngineIO: &EngineIO{Code: engineio.SIDUnknown, Message: engineio.SIDUnknown.Message()},
	}
}

// Whoever comes while usher or a route takes no new sessions hears one of these.
var (
	ErrStopping = &Error{Status: http.StatusServiceUnavailable, Reason: Draining, Rule: "usher is stopping"}
	ErrDrained  = &Error{Status: http.StatusServiceUnavailable, Reason: Draining, Rule: "this route is being drained"}
)

func (e *Error) Error() string {
	if e.Err != nil {
		return e.Rule + ": " + e.Err.Error()
	}
	return e.Rule
}

func (e *Error) Unwrap() error { return e.Err }

// Of finds the answer to an error of any package behind a request with ctx.
func Of(ctx context.Context, err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	// A client's own fault may come up as late as when its body is read.
	if e, ok := errors.AsType[*http1.Error](err); ok {
		return &Error{Status: e.Status, Reason: Body, Rule: e.Rule}
	}
	// Whoever cancelled the request may have said why, as the server does when
	// it stops; a dialler's error does not tell.
	if e, ok := errors.AsType[*Error](context.Cause(ctx)); ok {
		return e
	}
	if errors.Is(err, upstream.ErrUnknownSID) {
		e := UnknownSID(Protocol, "no endpoint of the upstream knows the sid")
		e.Err = err
		return e
	}
	status, reason, rule := http.StatusBadGateway, Answer, "upstream gave no valid answer"
	netErr, isNet := errors.AsType[net.Error](err)
	dialErr, isDial := errors.AsType[*upstream.DialError](err)
	_, isOutage := errors.AsType[*upstream.OutageError](err)
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
	case ctx.Err() != nil || errors.Is(err, context.Canceled):
		reason, rule = Gone, "client went away"
	case errors.Is(err, upstream.ErrNoEndpoint):
		status, reason, rule = http.StatusServiceUnavailable, Endpoint, "no endpoint of the upstream may be used"
	case isWait:
		status, reason, rule = http.StatusServiceUnavailable, Waiting, wait.Error()
	case errors.Is(err, upstream.ErrCrowded):
		status, reason, rule = http.StatusServiceUnavailable, Crowded, "too many wait for an endpoint of the upstream"
	case errors.Is(err, upstream.ErrFull):
		status, reason, rule = http.StatusServiceUnavailable, Full, "all endpoints of the upstream are full"
	case isDial && dialErr.Timeout():
		status, reason, rule = http.StatusGatewayTimeout, Timeout, "upstream took too long to connect"
	case isDial || isOutage:
		reason, rule = Dial, "upstream cannot be reached"
	case isNet && netErr.Timeout():
		status, reason, rule = http.StatusGatewayTimeout, Timeout, "upstream took too long to answer"
	}
	return &Error{Status: status, Reason: reason, Rule: rule, Err: err}
}
