package proxy

import (
	"log/slog"

	"usher/proxy/certs"
	"usher/proxy/config"
	"usher/proxy/forward"
	"usher/proxy/front"
	"usher/proxy/handshake"
	"usher/proxy/headers"
	"usher/proxy/namespaces"
	"usher/proxy/relay"
	"usher/proxy/route"
	"usher/proxy/session"
	"usher/proxy/tracing"
	"usher/proxy/upstream"
	"usher/proxy/watch"
)

// live is how one routes file serves requests. It never changes: a reload puts
// another in its place, and a request ends with the one that it began with.
type live struct {
	cfg       *config.Config
	certs     *certs.Keeper     // nil without a TLS listener
	listeners []*front.Listener // in the order of the file
	table     *route.Table
	pool      *upstream.Pool
	options   map[manner]*relay.Options
	handshake *handshake.Handler
	split     *namespaces.Table
	tracer    *tracing.Tracer // nil for no traces
	announces bool            // some upstream is told who the client is
	hashes    bool            // some upstream leads the same client to the same endpoint

	upstreamFiles *watch.Files // that pool was made of; used by watchUpstreams alone
}

// nothing is what serves before there is a routes file.
func nothing(log *slog.Logger, id string) *live {
	pool := upstream.NewPool(nil)
	pool.Log, pool.Marker = log, headers.Via+": "+id
	return &live{cfg: new(config.Config), pool: pool}
}

// newLive makes of p what serves.
func (s *Server) newLive(p *prepared) *live {
	cfg, pool := p.cfg, p.old.pool.Next(p.cfg.Upstreams, p.upstreamTLS)
	pool.Handover.Store(cfg.TLS.Handover)
	rules := headers.Rules{Trusted: cfg.TrustedProxies, ID: s.id, Given: cfg.Given()}
	l := &live{
		cfg: cfg, certs: p.certs, listeners: p.listeners.all, upstreamFiles: p.upstreamFiles,
		table: route.NewTable(cfg), pool: pool, options: relayOptions(cfg.Routes),
		tracer: p.old.nextTracer(cfg, s.log), announces: announces(cfg), hashes: pool.Hashes(),
	}
	l.handshake = &handshake.Handler{
		Counters: s.counters,
		Refusals: s.refusals,
		Table:    l.table,
		Rechecks: s.rechecks,
		SIDs:     s.sids,
		Open:     s.open,
		Requests: s.requests,

		Connections: s.connections,

		Pages:     p.pages,
		Auth:      p.auth,
		Upstreams: pool,
		Sessions:  s.sessions,
		Headers:   rules,
		Log:       s.log,
		Marker:    session.NewMarker(s.markKey, cfg.Admin.CloseBy),
		Tracer:    l.tracer,
		Adopt:     func(p handshake.Pair) { s.adopt(l, p) },
		Messages:  s.relayMessages,
		Admit:     s.admit,
	}
	f := &forward.Forwarder{Upstreams: pool, Headers: rules, Transports: s.transports, Refusals: s.refusals, Encoders: s.encoders}
	l.handshake.Forward = f.Serve
	l.split = s.namespaces.Table(l.table.Routes(), p.auth)
	l.handshake.Split = l.split.Serve
	return l
}

// serves tells whether a session may stay: its route and its endpoint are here.
// One of several legs has no endpoint of its own.
func (l *live) serves(s *session.Session) bool {
	return l.table.Has(s.Claim) && (s.Target == "" || l.pool.Has(s.Target))
}
