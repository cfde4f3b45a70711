package config

import (
	"math"
	"time"
)

// OnLoss is what becomes of a session whose leg to an upstream is lost while it
// has namespaces there.
type OnLoss string

// The policies.
const (
	// Transport ends the session: its client connects again, as to a server
	// that went down.
	Transport OnLoss = "transport"
	// Reconnect dials again and joins the namespaces anew.
	Reconnect OnLoss = "reconnect"
	// Disconnect ends the upstream's namespaces alone; clients do not come back.
	Disconnect OnLoss = "disconnect"
)

// SocketIO says how a route with namespaces speaks Engine.IO and Socket.IO.
type SocketIO struct {
	PingInterval   time.Duration // from one Engine.IO ping to the next
	PingTimeout    time.Duration // from a ping to its answer
	MaxPayload     int64         // bytes of one message of a client, and of one POST
	EIO3           bool          // clients of Socket.IO 1 and 2 are let in
	Bundle         *Upstream     // serves the client's script; never nil
	Fallback       *Upstream     // gets sessions with a parser of their own; nil for nobody
	Eager          []*Upstream   // are dialled before the handshake is answered
	OnLoss         map[*Upstream]OnLoss
	Auth           []*Guard      // who may join which namespaces, in the order in which they are asked
	Cookie         *Cookie       // nil for none
	Credentials    bool          // cross-origin requests may carry cookies
	ConnectTimeout time.Duration // for a client to join a namespace
	ConnectHold    time.Duration // for which a namespace waits for its upstream; 0 is no limit

	StrictNamespaces   bool // a packet for a namespace that was left ends the session
	PropagateHardClose bool // an upstream that throws a client out ends the session

	MaxNamespaces         int // that one session has joined
	MaxLegs               int // of one session
	MaxConnects           int // packets that join a namespace, a second, of one session
	MaxAttachments        int // of one packet
	MaxSessions           int // of the route
	MaxSessionsPerAddress int // likewise, from one address
}

// Loss returns what becomes of a session that has lost its leg to u.
func (s *SocketIO) Loss(u *Upstream) OnLoss {
	if policy, ok := s.OnLoss[u]; ok {
		return policy
	}
	return Transport
}

var socketIOKeys = []string{
	"ping_interval", "ping_timeout", "max_payload", "eio3", "bundle", "fallback", "eager", "on_loss", "auth", "cookie", "credentials",
	"connect_timeout", "connect_hold", "strict_namespaces", "propagate_hard_close",
	"max_namespaces", "max_legs", "max_connects", "max_attachments", "max_sessions", "max_sessions_per_address",
}

// socketIO reads how r's namespaces are served. r has its namespaces.
func (l *loader) socketIO(v value, r *Route, upstreams map[string]*Upstream) *SocketIO {
	s := defaults().socketIO
	s.Credentials = len(r.Origins) > 0 && r.Origins[0] != "*"
	o, _ := l.object(v, "in socketio", socketIOKeys)
	l.heartbeat(o, &s)
	l.size(o.field("max_payload"), positive, &s.MaxPayload)
	l.bool(o.field("eio3"), &s.EIO3)
	s.Bundle = r.Upstream
	if u := l.target(o.field("bundle"), upstreams); u != nil {
		s.Bundle = u
	}
	s.Fallback = l.target(o.field("fallback"), upstreams)
	s.Auth = l.guards(o, r)
	l.eager(o.field("eager"), &s, r, upstreams)
	s.OnLoss = l.onLoss(o.field("on_loss"), r, upstreams)
	s.Cookie = l.cookie(o.field("cookie"))
	l.bool(o.field("credentials"), &s.Credentials)
	l.bool(o.field("strict_namespaces"), &s.StrictNamespaces)
	l.bool(o.field("propagate_hard_close"), &s.PropagateHardClose)
	l.bounds(o, &s)
	return &s
}

// eager reads who is dialled before the handshake is answered. s has its guards.
func (l *loader) eager(v value, s *SocketIO, r *Route, upstreams map[string]*Upstream) {
	for _, item := range l.oneOrMore(v, "an upstream") {
		u := l.owner(item, r, upstreams)
		if u == nil {
			continue
		}
		s.Eager = append(s.Eager, u)
		if n := s.guarded(r, u); n != nil {
			l.errorf(item.Position, "upstream %q would be dialled before it is known who may join the namespace of line %d: leave it out of eager", u.Name, n.Line)
		}
	}
}

func (l *loader) heartbeat(o object, s *SocketIO) {
	l.duration(o.field("ping_interval"), positive, &s.PingInterval)
	l.duration(o.field("ping_timeout"), positive, &s.PingTimeout)
	l.duration(o.field("connect_timeout"), positive, &s.ConnectTimeout)
	l.duration(o.field("connect_hold"), orZero, &s.ConnectHold)
}

func (l *loader) bounds(o object, s *SocketIO) {
	for key, bound := range map[string]*int{
		"max_namespaces": &s.MaxNamespaces, "max_legs": &s.MaxLegs, "max_connects": &s.MaxConnects, "max_attachments": &s.MaxAttachments,
		"max_sessions": &s.MaxSessions, "max_sessions_per_address": &s.MaxSessionsPerAddress,
	} {
		n := int64(*bound)
		l.count(o.field(key), positive, math.MaxInt32, &n)
		*bound = int(n)
	}
}

// owner reads the name of an upstream that has a namespace on r.
func (l *loader) owner(v value, r *Route, upstreams map[string]*Upstream) *Upstream {
	u := l.target(v, upstreams)
	if u == nil || r.owns(u) || len(r.Namespaces) == 0 {
		return u
	}
	l.errorf(v.Position, "upstream %q has no namespace on this route", v.node.Value)
	return nil
}

func (r *Route) owns(u *Upstream) bool {
	for _, n := range r.Namespaces {
		if n.Upstream == u {
			return true
		}
	}
	return false
}

// onLoss reads one policy for all upstreams, or one for each that differs.
func (l *loader) onLoss(v value, r *Route, upstreams map[string]*Upstream) map[*Upstream]OnLoss {
	all := make(map[*Upstream]OnLoss)
	if !v.given() {
		return all
	}
	if v.node.ShortTag() != "!!map" {
		policy := Transport
		choice(l, v, &policy, Transport, Reconnect, Disconnect)
		for _, n := range r.Namespaces {
			all[n.Upstream] = policy
		}
		return all
	}
	for _, p := range l.pairs(v) {
		policy := Transport
		choice(l, p.value, &policy, Transport, Reconnect, Disconnect)
		u := upstreams[p.key.text]
		switch {
		case u == nil:
			l.errorf(p.key.Position, "upstream %s is not defined%s", p.key, p.key.didYouMean(upstreams))
		case !r.owns(u):
			l.errorf(p.key.Position, "upstream %s has no namespace on this route", p.key)
		default:
			all[u] = policy
		}
	}
	return all
}
