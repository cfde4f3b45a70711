package proxy

import (
	"errors"
	"net"
	"net/http"

	"usher/proxy/front"
	"usher/proxy/handshake"
	"usher/proxy/http1"
)

// site is what l, with its listeners, is to clients.
func (s *Server) site(l *live) *front.Site {
	site := &front.Site{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serveHTTP(l, w, r) }),
		Refuser: l.handshake, Headers: l.handshake.Headers, Certs: l.certs,
	}
	_, secure := reachable(l.cfg, l.listeners)
	if tcp, ok := secure.(*net.TCPAddr); ok && tcp.Port != 443 {
		site.Port = tcp.Port
	}
	return site
}

// serveHTTP tells handshakes from the rest.
func (s *Server) serveHTTP(l *live, w http.ResponseWriter, r *http.Request) {
	h := l.handshake
	if l.announces {
		r = withClient(h, r)
	}
	if l.hashes {
		r = withAsker(h, r)
	}
	if !handshake.IsUpgrade(r) {
		s.front.Pass(r)
		h.ServeHTTP(w, r)
		return
	}
	r, leave, ok := s.front.Enter(r)
	if !ok {
		h.Refuse(w, r, errStopping)
		return
	}
	defer leave()
	h.ServeHTTP(w, r)
}

// refuseForwarded tells a client's fault, which comes up when its body is read,
// from the upstream's.
func refuseForwarded(h *handshake.Handler, w http.ResponseWriter, r *http.Request, err error) {
	if broken, ok := errors.AsType[*http1.Error](err); ok {
		err = &handshake.Error{Status: broken.Status, Reason: handshake.Body, Rule: broken.Rule}
	}
	h.Refuse(w, r, err)
}

// relayMessages serves the whole life of a session, which has its own end.
func (s *Server) relayMessages(w http.ResponseWriter, r *http.Request, c handshake.Claim) {
	s.messages.ServeHTTP(w, front.Leave(r), c)
}
