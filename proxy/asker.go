package proxy

import (
	"net/http"

	"usher/proxy/headers"
	"usher/proxy/upstream"
)

// withAsker returns r with what an upstream looks at that leads the same client
// to the same endpoint.
func withAsker(r *http.Request, sender headers.Sender) *http.Request {
	return r.WithContext(upstream.WithRequest(r.Context(), r, sender.Client))
}
