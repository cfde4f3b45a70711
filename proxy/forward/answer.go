package forward

import "net/http"

// answerWriter leaves 100 Continue to net/http, which sends it when the body is
// read first. The Transport does so when the upstream wants the body; what
// ReverseProxy then passes on would be a second one, before or after.
type answerWriter struct{ http.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (w answerWriter) WriteHeader(status int) {
	if status == http.StatusContinue {
		return
	}
	if h := w.Header(); status >= http.StatusOK && h["Content-Type"] == nil {
		h["Content-Type"] = nil // net/http would guess one, if some of the body comes at once
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w answerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// passBroken is deferred where an answer may break off, for which ReverseProxy
// panics so that the client is not made to take it for whole. What there is goes
// to the client, though no byte of the body may have come.
func passBroken(w http.ResponseWriter) {
	if broken := recover(); broken != nil {
		_ = http.NewResponseController(w).Flush() // a client that has gone is found by what follows
		panic(broken)
	}
}
