package handshake

import "usher/proxy/route"

// waits returns an error if a plain request begins an Engine.IO session with an
// upstream that waits for another. Requests of a session that has begun pass,
// as its frames would, and so does what is no session.
func (h *Handler) waits(m route.Match, query string) error {
	if !speaksEngineIO(query) || continues(query) {
		return nil
	}
	return h.Upstreams.Get(m.Route.Upstream.Name).Waits()
}
