package namespaces

import (
	"context"
	"encoding/json"
	"time"

	"usher/proxy/auth"
	"usher/proxy/config"
	"usher/proxy/demux"
	"usher/proxy/engineio"
	"usher/proxy/refusal"
)

// guards say who may join the namespaces of a route. They do not change.
type guards struct {
	*config.SocketIO
	gates auth.Set
}

// guardsOf returns those of a route as the routes file has them now, or had them
// last; nil if it never had the route.
func (s *Server) guardsOf(route string) *guards {
	g, _ := s.guards.Load(route)
	found, _ := g.(*guards)
	return found
}

// guarded implements relay.Entry's.
func (v *visitor) guarded(namespace string) bool {
	p := v.split
	if g := p.server.guardsOf(p.route.String()); g != nil {
		return g.guards(v.version, namespace)
	}
	return p.guarded // it has come with rules that nobody here knows
}

// guards tells whether somebody has to say who may join a namespace. Servers of
// revision 3 take some names for another's.
func (g *guards) guards(v engineio.Version, namespace string) bool {
	return g.GuardOf(namespace) != nil || v == engineio.V3 && len(g.Auth) > 0 && ambiguous(namespace)
}

// judge implements relay.Entry's. It may wait for a key set, and so has a goroutine.
func (v *visitor) judge(p demux.Plea, done func(demux.Verdict, int64)) {
	c := auth.Connect{Data: append([]byte(nil), p.Data...), Query: string(p.Query), Old: v.version == engineio.V3}
	s := v.split.server
	s.dialing.Go(func() { done(v.verdict(p.Namespace, c)) })
}

func (v *visitor) verdict(namespace string, c auth.Connect) (demux.Verdict, int64) {
	s, route := v.split.server, v.split.route.String()
	g := s.guardsOf(route)
	switch {
	case g == nil:
		return v.refusal(&refusal.Error{Status: 503, Reason: refusal.AuthDown, Rule: "nobody can say who may come in", Hint: "the route is not in the routes file any more"}), 0
	case v.version == engineio.V3 && len(g.Auth) > 0 && ambiguous(namespace):
		return demux.Verdict{Refused: "Invalid namespace"}, 0
	}
	gate := g.gates[g.GuardOf(namespace)]
	if gate == nil {
		return demux.Verdict{}, 0
	}
	granted, ends, err := gate.Join(s.ctx, c, route, time.Now())
	if err != nil {
		return v.refusal(refusal.Of(s.ctx, err)), 0
	}
	return demux.Verdict{Keep: granted.Expires == 0, Code: granted.Code}, ends
}

// refusal tells client, log and metrics that a CONNECT is refused.
func (v *visitor) refusal(e *refusal.Error) demux.Verdict {
	s := v.split.server
	s.Refusals.NoteConnect(e, v.split.route.String(), v.dialler.client)
	text, data := "unauthorized", struct {
		Reason string `json:"reason"`
		Retry  bool   `json:"retry,omitempty"`
	}{Reason: e.Rule}
	if e.Reason != refusal.Auth {
		text, data.Retry = "unavailable", true
	}
	if v.version == engineio.V3 { // whose clients are told in one string
		return demux.Verdict{Refused: text + ": " + e.Rule}
	}
	said, _ := json.Marshal(data) //nolint:errchkjson // of strings
	return demux.Verdict{Refused: text, Data: string(said)}
}

// joinRoot has clients of revision 3, who are in "/" without asking, show at the
// handshake what lets them in there.
func (q *request) joinRoot() error {
	g := q.server.guardsOf(q.route.String())
	if q.Version != engineio.V3 || g == nil {
		return nil
	}
	gate := g.gates[g.GuardOf("/")]
	if gate == nil {
		return nil
	}
	ctx, cancel := context.WithCancel(q.http.Context())
	defer cancel()
	defer context.AfterFunc(q.server.ctx, cancel)()
	granted, _, err := gate.Join(ctx, auth.Connect{Query: q.visit.Query, Old: true}, q.route.String(), time.Now())
	if own := &q.visit.Grant; err == nil && granted.Expires != 0 && (own.Expires == 0 || granted.Expires < own.Expires) {
		own.Expires, own.Code = granted.Expires, granted.Code
	}
	return err
}
