package handshake

import (
	"net/http"
	"strconv"

	"usher/proxy/config"
	"usher/proxy/headers"
	"usher/proxy/http1"
	"usher/proxy/refusal"
)

// errLed is the answer to a host that nobody can be led by.
var errLed = &refusal.Error{Status: http.StatusBadRequest, Reason: refusal.Path, Rule: "Host must be a name or address with an optional port (RFC 9110, 7.2)"}

// serveOwn answers a request whose route has no upstream. One for a WebSocket gets
// the same answer, which is the connection's last one.
func (h *Handler) serveOwn(w http.ResponseWriter, r *http.Request, q wish, s headers.Sender) error {
	on := q.match.Route
	if q.upgrade && r.ProtoMajor == 1 {
		w.Header()["Connection"] = []string{"close"}
	}
	if on.Respond != nil {
		s.Trace.Answered(on.Respond.Status)
		h.respond(w, r, on.Respond)
		return nil
	}
	if !http1.ValidHost(s.Host) {
		return errLed
	}
	s.Trace.Answered(on.Redirect.Code)
	refusal.Redirect(w, r, on.Redirect.Code, on.Redirect.To(config.Target{Scheme: s.Proto, Host: s.Host, Path: q.match.Path, Query: q.query}), "moved")
	return nil
}

// respond answers with what stands in the routes file.
func (h *Handler) respond(w http.ResponseWriter, r *http.Request, a *config.Respond) {
	head, body := w.Header(), []byte(a.Body)
	head["Content-Type"] = []string{"text/plain; charset=utf-8"}
	if a.File != "" {
		page := h.Pages[a.File]
		body = page.Content()
		head["Content-Type"] = []string{page.Kind()}
	}
	for _, l := range a.Headers {
		head[l.Name] = []string{l.Value}
	}
	if a.Status == http.StatusNoContent || a.Status == http.StatusNotModified {
		delete(head, "Content-Type")
	} else {
		head["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	w.WriteHeader(a.Status)
	if r.Method != http.MethodHead && len(body) > 0 {
		w.Write(body) //nolint:errcheck // a client that does not listen is not our concern
	}
}
