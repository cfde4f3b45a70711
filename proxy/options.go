package proxy

import (
	"net"

	"usher/proxy/config"
	"usher/proxy/front"
	"usher/proxy/handshake"
	"usher/proxy/relay"
	"usher/proxy/session"
)

// manner is what the relay's options depend on, besides the route.
type manner struct {
	route    *config.Route
	deflate  bool
	engineIO bool
}

// relayOptions prepares the options of every session that can be, so that
// sessions share them.
func relayOptions(routes []*config.Route) map[manner]*relay.Options {
	all := make(map[manner]*relay.Options, 4*len(routes))
	for _, r := range routes {
		for _, deflate := range []bool{false, true} {
			for _, engineIO := range []bool{false, true} {
				m := manner{r, deflate, engineIO}
				all[m] = m.options()
			}
		}
	}
	return all
}

func (m manner) options() *relay.Options {
	l := m.route.Limits
	o := &relay.Options{
		MaxMessage:     l.MaxMessage,
		MaxFragments:   l.MaxFragments,
		MessageTimeout: l.MessageTimeout,
		IdleTimeout:    l.IdleTimeout,
		WriteTimeout:   l.WriteTimeout,
		ClientPing:     l.PingInterval,
		UpstreamPing:   l.PingInterval,
		PingTimeout:    l.PingTimeout,
		ClientRate:     session.MaxRate(l.MaxRate),
		Deflate:        m.deflate,
	}
	if m.engineIO {
		o.ClientPing = 0 // Engine.IO has pings of its own
	}
	return o
}

// ofConnections returns the limits of connections of HTTP/2, which have streams of
// any route: none is ended that one of its routes would keep.
func ofConnections(cfg *config.Config) config.Limits {
	limits := cfg.Limits
	for _, r := range cfg.Routes {
		limits.WriteTimeout = max(limits.WriteTimeout, r.Limits.WriteTimeout)
	}
	return limits
}

// clientLeg returns the leg of an accepted connection, past its 101.
func clientLeg(conn net.Conn, early []byte) relay.Leg {
	inner, held, tied := front.Unwrap(conn)
	return relay.Leg{Conn: inner, Early: append(early, held...), Tied: tied}
}

// adopt gives a verified handshake, which l has made, to the relay.
func (s *Server) adopt(l *live, p handshake.Pair) {
	client := clientLeg(p.Client, p.FromClient)
	upstream := relay.Leg{Conn: p.Upstream, Early: p.FromUpstream}
	s.frames.Adopt(p.Session, client, upstream, l.optionsOf(p), p.Release)
	s.opened(p.Session, s.frames)
}

// optionsOf returns those of a verified handshake, which l has made.
func (l *live) optionsOf(p handshake.Pair) *relay.Options {
	return l.options[manner{p.Route.Route, p.Deflate, p.EngineIO}]
}
