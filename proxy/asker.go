package proxy

import (
	"net/http"

	"usher/proxy/handshake"
	"usher/proxy/upstream"
)

// withAsker returns r with what an upstream looks at that leads the same client
// to the same endpoint.
func withAsker(h *handshake.Handler, r *http.Request) *http.Request {
	return r.WithContext(upstream.WithRequest(r.Context(), r, h.Headers.Sender(r).Client))
}
