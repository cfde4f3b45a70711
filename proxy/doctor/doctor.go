// Package doctor looks at a running backend from outside and says whether its
// upgrade handlers compete.
//
// Every handler on one Node http.Server sees every upgrade. Two that answer
// the same request kill the process or spoil each other's sockets, and do it
// quietly for most clients. What they do can be told apart by sockets alone:
//
//   - A session that was opened by polling belongs to the Socket.IO server that
//     was attached last; an upgrade is seen first by the one attached first. If
//     these are two, the upgrade does not know the session.
//   - A ws server with a path answers 400 to every other path, also to one that
//     nobody can have claimed.
//   - Socket.IO ends an upgrade that it does not own after a second, without a
//     word. If its owner comes later, the socket it finds is closed in turn.
//
// None of these requests can be taken by two handlers, so none can kill the
// process. Whoever looks without them, by just opening a WebSocket, does what
// kills it: that happens only where it was shown to be safe, where each client
// of the path does it anyway, or where Options.Crash asks for it.
package doctor

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	defaultPath    = "/socket.io/" // where Socket.IO listens unless it is told
	defaultTimeout = 5 * time.Second
)

// Options say where to look, and how hard.
type Options struct {
	URL     string        // of the backend itself, not of a proxy: http, https, ws or wss
	Paths   []string      // to look at besides the URL's own
	Timeout time.Duration // for each answer; if zero, 5 s
	Crash   bool          // also open the WebSocket that may kill the process
}

// Report is what Examine found.
type Report struct {
	Address  string // host:port
	Findings []Finding
}

// Healthy reports whether every path works.
func (r *Report) Healthy() bool {
	return !slices.ContainsFunc(r.Findings, func(f Finding) bool { return !f.Diagnosis.Healthy() })
}

// URLError is a URL that names no backend.
type URLError struct {
	Text string
}

// Error returns the broken rule.
func (e *URLError) Error() string { return e.Text }

// Examine looks at each path of o in turn. The error is a *URLError, or says
// why nothing could be examined at all.
func Examine(ctx context.Context, o Options) (*Report, error) {
	t, paths, err := parseURL(o)
	if err != nil {
		return nil, err
	}
	e := &examination{target: t, timeout: cmp.Or(o.Timeout, defaultTimeout), crash: o.Crash}
	if err := e.begin(ctx); err != nil {
		return nil, err
	}
	report := &Report{Address: t.address}
	for _, p := range paths {
		f := e.path(ctx, p)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		report.Findings = append(report.Findings, f)
	}
	if !slices.ContainsFunc(report.Findings, func(f Finding) bool { return f.Path == defaultPath }) {
		// Nobody asked for it, but it is the likely neighbour of any other path.
		if f := e.path(ctx, defaultPath); f.Speaks != "" {
			report.Findings = append(report.Findings, f)
		}
	}
	return report, ctx.Err()
}

// examination is one run of Examine.
type examination struct {
	// static after construction
	target  target
	timeout time.Duration
	crash   bool

	stranger stranger // known after begin
}

// begin finds out whether anything answers, and what happens to upgrades that
// belong to nobody.
func (e *examination) begin(ctx context.Context) error {
	c, err := e.dial(ctx)
	if err != nil {
		return fmt.Errorf("nothing answers at %s: %w", e.target.address, plainCause(err))
	}
	c.Close()
	e.stranger, err = e.meetStranger(ctx, "/usher-doctor-"+strings.ToLower(rand.Text()[:10]))
	return err
}

// path examines one path. Its finding speaks of nothing but that path.
func (e *examination) path(ctx context.Context, path string) Finding {
	if !strings.HasSuffix(path, "/") {
		// Socket.IO serves "/socket.io/" and is often called "/socket.io"; and
		// what it answers without the slash may be for another server's path.
		if s, _ := e.open(ctx, path+"/"); s != nil {
			return e.engine(ctx, s)
		}
	}
	s, a := e.open(ctx, path)
	switch {
	case s != nil:
		return e.engine(ctx, s)
	case a.code() == codeTransport:
		return e.websocketOnly(ctx, path)
	case a.code() == codeForbidden || a.status == 401 || a.status == 403:
		f := Finding{Path: path, Diagnosis: Refused}
		f.seen("GET %s is answered %s", path, a.line())
		return f
	}
	return e.plain(ctx, path)
}

// plainCause leaves off what the message around it has said already.
func plainCause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
