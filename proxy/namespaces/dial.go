package namespaces

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"usher/proxy/demux"
	"usher/proxy/engineio"
	"usher/proxy/handshake"
	"usher/proxy/refusal"
	"usher/proxy/relay"
	"usher/proxy/route"
	"usher/proxy/session"
	"usher/proxy/tracing"
	"usher/proxy/upstream"
)

// dialler opens the legs of one session. It keeps of the client's first request
// what upstreams are told.
type dialler struct {
	split   *split
	request *handshake.LegRequest
	ctx     context.Context // has the client's address, for who wants it by PROXY protocol
	client  []slog.Attr     // who it is, for the log
}

func (q *request) newDialler() (*dialler, error) {
	path := route.Match{Route: q.route, Path: q.route.Path}.UpstreamPath()
	if path[len(path)-1] != '/' {
		path += "/" // what servers call their path, if they are not told otherwise
	}
	own := ""
	if q.Cookie != nil {
		own = q.Cookie.Name
	}
	query := engineio.AppendLegQuery(nil, q.Version, q.visit.Query)
	legs, err := q.visit.LegRequest(q.http, path, string(query), own)
	return &dialler{
		split: q.split, request: legs, ctx: upstream.Lasting(q.http.Context()),
		client: clientAttrs(q.visit.Sender.ID, q.visit.Sender.Address()),
	}, err
}

// dial does not block; done gets the outcome.
func (d *dialler) dial(to demux.Target, done func(relay.Dialled)) {
	d.split.server.dialing.Go(func() {
		leg := d.leg(to)
		if leg.Refused.Final() { // who refuses is well
			d.split.note(to.Service, nil)
			d.logDeclined(to.Service, leg.Refused)
		} else {
			d.split.note(to.Service, leg.Err)
		}
		if leg.Err != nil { // a session with namespaces has several upstreams
			leg.Err = fmt.Errorf("%s: %w", d.split.services[to.Service], leg.Err)
		}
		done(leg)
	})
}

// errRemoved is for an upstream that a reload has taken away.
var errRemoved = errors.New("upstream is not in the routes file any more")

// errDrained is for an upstream that an operator has drained. Its endpoints are
// well, and serve whoever has no namespaces there.
var errDrained = errors.New("upstream is drained")

func (d *dialler) leg(to demux.Target) relay.Dialled {
	s, name, began := d.split.server, d.split.services[to.Service], time.Now()
	u := s.Upstreams().Get(name)
	if u == nil {
		s.stats.legs.failed(name)
		return relay.Dialled{Err: errRemoved}
	}
	if s.Drained(name) {
		s.stats.legs.failed(name)
		return relay.Dialled{Err: errDrained}
	}
	trace := s.Tracer().Leg(d.request.Trace)
	ctx, cancel := context.WithCancelCause(d.ctx)
	defer cancel(nil)
	defer context.AfterFunc(s.ctx, func() { cancel(errClosed) })()
	e, conn, err := s.reach(ctx, u, to, trace)
	if err != nil {
		s.stats.legs.failed(name)
		return relay.Dialled{Err: err}
	}
	early, heard, err := s.legs.Ask(ctx, conn, d.request, trace, d.split.route.Limits.HandshakeTimeout)
	if !heard && handshake.BrokeOff(err) && ctx.Err() == nil {
		heard, err = d.inquire(ctx, e, conn, err)
	}
	if heard {
		e.Answered()
	} else if ctx.Err() == nil {
		e.Unanswered(err)
	}
	if err != nil {
		conn.Close()
		e.Release()
		noteFailure(e, trace, err)
		return s.unopened(name, err)
	}
	trace.Answered(http.StatusSwitchingProtocols)
	s.stats.legs.opened(name, time.Since(began))
	return relay.Dialled{
		Leg: relay.Leg{Conn: conn, Early: early}, Tag: s.tag(e.Identity), Release: e.Release,
		To:   session.Leg{Upstream: name, Endpoint: e.Address, Target: e.Identity},
		Lost: func() bool { return s.lost(name, e.Identity) },
	}
}

// inquire has an endpoint say why it has closed conn without a word, for which
// there is only broke. It tells whether it does.
func (d *dialler) inquire(ctx context.Context, e *upstream.Endpoint, conn net.Conn, broke error) (said bool, err error) {
	again, err := e.DialAgain(ctx, conn)
	if err != nil {
		return false, broke
	}
	defer again.Close()
	err = d.split.server.legs.Inquire(ctx, again, d.request, d.split.route.Limits.HandshakeTimeout)
	if _, said := errors.AsType[*handshake.DeclinedError](err); said {
		return true, err
	}
	if handshake.Unwilling(err) {
		return false, fmt.Errorf("%w: %w", broke, err)
	}
	return false, broke
}

// lost tells whether an endpoint was removed or drained while a leg to it was
// being dialled, which Lose does not see.
func (s *Server) lost(name, identity string) bool {
	e := s.Upstreams().Endpoint(identity)
	return e == nil || s.Drained(name) || e.Disabled()
}

// noteFailure notes an attempt at e that brought another answer than 101, or
// none.
func noteFailure(e *upstream.Endpoint, trace *tracing.Attempts, err error) {
	if no, ok := errors.AsType[*handshake.DeclinedError](err); ok {
		e.Declined(no.Status)
		trace.Answered(no.Status)
	} else if bad, ok := errors.AsType[*refusal.Error](err); ok {
		trace.Failed(bad.Reason.String())
	} else {
		trace.Failed("closed") // the session was given up, or usher stops
	}
}

// unopened tells an upstream that has answered, such as by its allowRequest,
// from one that is not well.
func (s *Server) unopened(name string, err error) relay.Dialled {
	no, declined := errors.AsType[*handshake.DeclinedError](err)
	if !declined {
		s.stats.legs.failed(name)
		return relay.Dialled{Err: err}
	}
	s.stats.legs.declined(name)
	text := cmp.Or(no.Text, http.StatusText(no.Status))
	return relay.Dialled{Err: err, Refused: demux.Refusal{Status: no.Status, Text: text, After: no.RetryAfter}}
}

// reach connects to the endpoint that is preferred, if it can be had, or to
// another.
func (s *Server) reach(ctx context.Context, u *upstream.Upstream, to demux.Target, trace *tracing.Attempts) (*upstream.Endpoint, net.Conn, error) {
	tries := upstream.Tries{Trace: trace}
	for _, e := range u.Endpoints() {
		if to.Prefer != "" && !s.isTag(to.Prefer, e) || to.Prefer == "" && to.Avoid != "" && s.isTag(to.Avoid, e) {
			tries.Skip(e)
		}
	}
	e, conn, err := u.DialNext(ctx, &tries)
	if err == nil || to.Prefer == "" && to.Avoid == "" || ctx.Err() != nil {
		return e, conn, err
	}
	return u.DialNext(ctx, &upstream.Tries{Trace: trace})
}

// tag names an endpoint to clients, who learn nothing about it and cannot make
// the tag of another.
func (s *Server) tag(identity string) string {
	h := hmac.New(sha256.New, s.Key)
	h.Write([]byte(identity))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:8])
}

func (s *Server) isTag(tag string, e *upstream.Endpoint) bool {
	return hmac.Equal([]byte(tag), []byte(s.tag(e.Identity)))
}

// logDeclined tells of an upstream that does not want the client: nothing else
// in the log does, where the session goes on without it.
func (d *dialler) logDeclined(service int, r demux.Refusal) {
	attrs := append([]slog.Attr{
		slog.Int("status", r.Status), slog.String("route", d.split.route.String()), slog.String("upstream", d.split.services[service]),
	}, d.client...)
	if engineio.CodeOf(r.Text) == engineio.UnsupportedVersion {
		attrs = append(attrs, slog.String("hint", handshake.HintEIO3))
	}
	d.split.server.Log.LogAttrs(d.ctx, refusal.Level(r.Status), "upgrade declined by upstream", attrs...)
}
