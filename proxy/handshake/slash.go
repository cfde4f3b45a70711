package handshake

import (
	"net/http"

	"usher/proxy/refusal"
)

// addSlash leads a client to the path with a slash at its end, below which a
// page's relative links find what belongs to it. The path alone holds whatever
// stands in front of usher, and by which scheme the client came.
// Only who reads a page is led: others, such as a preflight or a webhook, follow
// no redirect.
func addSlash(w http.ResponseWriter, r *http.Request, path, query string) {
	to := path + "/"
	if query != "" {
		to += "?" + query
	}
	refusal.Redirect(w, r, http.StatusPermanentRedirect, to, "the path ends with a slash")
}

// readsPage tells whether r may be of somebody who looks at what is there.
func readsPage(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.Header["Origin"] == nil
}
