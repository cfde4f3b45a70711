package config

// whole reads the one upstream of a route without namespaces.
func (l *loader) whole(o object, upstreams map[string]*Upstream) *Upstream {
	if v := o.field("socketio"); v.given() && !o.meant["namespaces"] {
		l.errorf(v.used, "socketio is for routes with namespaces")
	}
	if v := o.field("compress"); v.given() && !o.meant["namespaces"] {
		l.errorf(v.used, "compress is for routes with namespaces: elsewhere client and upstream agree on permessage-deflate by themselves")
	}
	if o.meant["namespaces"] || o.meant["redirect"] || o.meant["respond"] {
		return nil // misspelled, and reported
	}
	return l.target(l.required(o, "upstream", "in this route"), upstreams)
}

// split reads what a route with namespaces has instead of an upstream.
func (l *loader) split(o object, r *Route, upstreams map[string]*Upstream) {
	if v := o.field("upstream"); v.given() {
		l.errorf(v.used, `a route has upstream or namespaces, not both: in namespaces, "/" is the one that clients begin with`)
	}
	r.Namespaces = l.namespaces(o.field("namespaces"), upstreams)
	for _, n := range r.Namespaces {
		if r.Upstream == nil || n.Takes("/") {
			r.Upstream = n.Upstream
		}
		if n.Takes("/") {
			break
		}
	}
	r.SocketIO = l.socketIO(o.field("socketio"), r, upstreams)
	l.bool(o.field("compress"), &r.Compress)
	l.boundSplit(o, r)
	l.unfit(o, r)
}

// unfit reports options that sessions with namespaces do not have, or have by
// another name.
func (l *loader) unfit(o object, r *Route) {
	if v := o.field("relay"); v.given() && r.Relay == Messages {
		l.errorf(v.used, "relay messages is not for routes with namespaces")
	}
	if v := o.field("upgrade"); v.given() {
		l.errorf(v.used, "upgrade is not for routes with namespaces: a client's polling and its WebSocket are one session")
	}
	if v := o.field("encode"); v.given() {
		l.errorf(v.used, "encode is not for routes with namespaces: write compress, which counts for polling too")
	}
	for key, instead := range map[string]string{
		"max_message": "max_payload", "ping_interval": "ping_interval", "ping_timeout": "ping_timeout", "idle_timeout": "ping_timeout",
	} {
		if v := o.field(key); v.given() {
			l.errorf(v.used, "%s is not for routes with namespaces: write %s in socketio", key, instead)
		}
	}
	s := r.SocketIO
	if quiet, idle := s.PingInterval+s.PingTimeout, r.Limits.IdleTimeout; idle > 0 && idle < quiet {
		l.advise(r.Position, "idle_timeout %v does not end sessions with namespaces: socketio's pings do, after %v at most", idle, quiet)
	}
	if r.Path == "/" && !r.Exact {
		l.advise(r.Position, `a route with namespaces takes every path: clients of Socket.IO ask for /socket.io, if they are not told otherwise`)
	}
}
