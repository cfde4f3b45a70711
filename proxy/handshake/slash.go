package handshake

import "net/http"

// addSlash leads a client to the path with a slash at its end, below which a
// page's relative links find what belongs to it. The path alone holds whatever
// stands in front of usher, and by which scheme the client came.
func addSlash(w http.ResponseWriter, path, query string) {
	to := path + "/"
	if query != "" {
		to += "?" + query
	}
	w.Header()["Location"] = []string{to}
	// 308 has the client repeat the method and the body as well.
	http.Error(w, "308 Permanent Redirect: the path ends with a slash", http.StatusPermanentRedirect)
}
