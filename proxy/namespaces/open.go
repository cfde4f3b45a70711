package namespaces

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"usher/proxy/demux"
	"usher/proxy/engineio"
	"usher/proxy/handshake"
	"usher/proxy/limits"
	"usher/proxy/refusal"
	"usher/proxy/relay"
	"usher/proxy/session"
)

// errTwice is the answer to a session that cannot be told from another.
var errTwice = &refusal.Error{Status: http.StatusServiceUnavailable, Reason: refusal.Answer, Rule: "upstream gave a sid that another session has"}

// errGone is the end of a session whose client went before it was answered.
var errGone = errors.New("client went away")

// opening is what became of a session's first legs.
type opening struct {
	sid     string
	refused demux.Refusal
}

// open begins a session. It is answered when its legs are there that it cannot
// begin without.
func (q *request) open() (left handshake.Verdict) {
	s, v := q.server, &visitor{split: q.split, version: q.Version, client: q.visit.Sender.Client}
	if err := q.visit.Authorize(q.w, q.http); err != nil {
		q.refuse(q.unauthorized(err))
		return left
	}
	if err := q.joinRoot(); err != nil {
		q.refuse(q.unauthorized(err))
		return left
	}
	d, err := q.newDialler()
	if err == nil {
		v.leave, err = q.admit()
	}
	if err != nil {
		q.refuse(err)
		return left
	}
	v.dialler = d
	v.asks(q.http, q.server.Moves(q.http))
	ready := make(chan opening, 1)
	x := s.Sessions.Open(q.info())
	q.visit.Opened(x)
	e := v.entry(s.newSID(q.Version), !q.visit.Upgrade, q.B64)
	e.Ready = func(sid string, r demux.Refusal) { ready <- opening{sid, r} }
	v.fan = s.Frames.Open(x, q.options, e)
	select {
	case o := <-ready:
		return q.opened(v, x, o)
	case <-q.http.Context().Done():
		v.fan.Break(errGone)
		q.refuse(context.Cause(q.http.Context()))
	}
	return left
}

// entry is what v's fan needs, but for Ready.
func (v *visitor) entry(sid string, polling, b64 bool) relay.Entry {
	s := v.split.server
	return relay.Entry{
		Version: v.version, SID: sid, Polling: polling, Base64: b64,
		Dial:    v.dialler.dial,
		Guarded: v.guarded,
		Judge:   v.judge,
		Gone:    func() { s.sids.forget(v) },
		Release: func() { v.leave() },
		Stays:   v.stays,
		Hold:    v.hold,
		Held:    v.held,
	}
}

// admit counts a session until leave is called, or says why there may be none.
func (q *request) admit() (leave func(), err error) {
	if q.server.closed.Load() {
		return nil, refusal.ErrStopping
	}
	if err := q.server.Admit(q.route.String()); err != nil {
		return nil, err
	}
	return q.server.Open.Enter(&q.route.Quota, q.route.String(), limits.Client{Address: q.visit.Sender.Client, User: q.visit.User()})
}

func (q *request) info() session.Info {
	return session.Info{
		ID: q.visit.Sender.ID, Route: q.route.String(), Claim: q.route.Identity,
		Client: q.visit.Sender.Address(), Started: time.Now(),
		Marks: q.marks(), User: q.visit.User(), Expires: q.visit.Grant.Expires, ExpiryCode: q.visit.Grant.Code,
		Signer: q.visit.Grant.Signer,
	}
}

func (q *request) marks() []session.Mark {
	if q.visit.Marker == nil {
		return nil
	}
	return q.visit.Marker.Marks(q.http.Header)
}

// opened answers the handshake. Until the client has the answer x has not begun: it is
// not what another of its user's is closed for, nor can its client be told to stay away.
func (q *request) opened(v *visitor, x *session.Session, o opening) (left handshake.Verdict) {
	switch {
	case o.refused.Status != 0:
		q.refused(o.refused)
		return left
	case !q.server.sids.add(o.sid, v):
		v.fan.Break(errTwice)
		q.refuse(errTwice)
		return left
	}
	q.server.stats.open(q.Version, q.visit.Upgrade)
	if q.visit.Upgrade {
		return handshake.Verdict{Accept: func(a handshake.Accepted, err error) { q.accepted(v, x, a, err) }}
	}
	if q.Cookie != nil {
		q.setCookie(o.sid)
	}
	q.visit.Sender.Trace.Answered(http.StatusOK)
	q.poll(v)
	q.server.Opened(x)
	return left
}

// refused passes an upstream's no on, as the client would have got it there. A
// redirect, or a page in place of a handshake, would mean something else to it.
func (q *request) refused(r demux.Refusal) {
	if r.Status < http.StatusBadRequest {
		r.Status = http.StatusBadGateway
	}
	if r.Status >= http.StatusInternalServerError {
		r.After = cmp.Or(r.After, "1")
	}
	q.refuse(&refusal.Error{
		Status: r.Status, Reason: refusal.Answer, Rule: r.Text, Logged: true, RetryAfter: r.After,
		EngineIO: &refusal.EngineIO{Code: engineio.CodeOf(r.Text), Message: r.Text, Server: true},
	})
}

// accepted gives a session its WebSocket. If the client has gone, so has the
// session.
func (q *request) accepted(v *visitor, x *session.Session, a handshake.Accepted, err error) {
	switch {
	case err != nil:
		v.fan.Break(err)
	case a.Conn == nil:
		v.fan.Break(errGone)
	default:
		v.fan.Socket(q.server.leg(a), q.B64)
		q.server.Opened(x)
	}
}

// leg returns the client's connection for the relay.
func (s *Server) leg(a handshake.Accepted) relay.Leg {
	l := s.Leg(a.Conn, a.Early)
	l.Deflate = a.Deflate
	return l
}

// probe gives a session that polls a WebSocket to try.
func (q *request) probe(v *visitor) handshake.Verdict {
	return handshake.Verdict{Accept: func(a handshake.Accepted, _ error) {
		if a.Conn != nil {
			q.server.stats.probes.Add(1)
			v.fan.Probe(q.server.leg(a), q.B64)
		}
	}}
}

// setCookie tells whoever balances by cookies who has the session.
func (q *request) setCookie(sid string) {
	c := http.Cookie{
		Name: q.Cookie.Name, Value: sid, Path: q.Cookie.Path, HttpOnly: q.Cookie.HTTPOnly,
		SameSite: q.Cookie.SameSite, Secure: q.Cookie.Secure, MaxAge: int(q.Cookie.MaxAge.Seconds()),
	}
	q.w.Header()["Set-Cookie"] = []string{c.String()}
}
