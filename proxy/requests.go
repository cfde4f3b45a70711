package proxy

import (
	"net"
	"net/http"
	"time"

	"usher/proxy/front"
	"usher/proxy/handshake"
	"usher/proxy/headers"
	"usher/proxy/plain"
	"usher/proxy/refusal"
	"usher/proxy/relay"
)

// requests serve clients by one routes file.
type requests struct {
	server *Server
	live   *live
}

// site is what l, with its listeners, is to clients.
func (s *Server) site(l *live) *front.Site {
	site := &front.Site{Handler: requests{s, l}, Headers: l.handshake.Headers, Certs: l.certs, Terms: plain.Terms{Limits: &l.cfg.Limits, Answers: &l.cfg.Answers, Pages: l.handshake.Pages, Errors: l.cfg.ErrorPages}, Quota: l.cfg.Quota}
	_, secure := reachable(l.cfg, l.listeners)
	if tcp, ok := secure.(*net.TCPAddr); ok && tcp.Port != 443 {
		site.Port = tcp.Port
	}
	return site
}

// Refuse implements front.Handler.
func (q requests) Refuse(w http.ResponseWriter, r *http.Request, sender headers.Sender, err error) {
	q.live.handshake.Refuse(w, r, sender, err)
}

// Begin implements front.Handler.
func (q requests) Begin(r *http.Request, sender headers.Sender, now time.Time) *handshake.Exchange {
	if q.live.announces { // it takes more than a loop knows
		return nil
	}
	if q.live.hashes {
		*r = *withAsker(r, sender)
	}
	return q.live.handshake.Begin(r, sender, now)
}

// Join implements front.Handler.
func (q requests) Join(p handshake.Pair, client, upstream *relay.Seat) {
	s := q.server
	s.frames.Join(p.Session, client, upstream, p.FromClient, p.FromUpstream, q.live.optionsOf(p), p.Release)
	s.opened(p.Session, s.frames)
}

// Serve implements front.Handler: it tells handshakes from the rest.
func (q requests) Serve(w http.ResponseWriter, r *http.Request, sender headers.Sender) {
	h, in := q.live.handshake, q.server.front
	if q.live.announces {
		r = withClient(r, sender)
	}
	if q.live.hashes {
		r = withAsker(r, sender)
	}
	if !handshake.IsUpgrade(r) {
		in.Pass(r)
		h.Serve(w, r, sender)
		return
	}
	r, leave, ok := in.Enter(r)
	if !ok {
		h.Refuse(w, r, sender, refusal.ErrStopping)
		return
	}
	defer leave()
	h.Serve(w, r, sender)
}

// relayMessages serves the whole life of a session, which has its own end.
func (s *Server) relayMessages(w http.ResponseWriter, r *http.Request, c handshake.Claim) {
	s.messages.ServeHTTP(w, front.Leave(r), c)
}
