package forward

import "net/http"

// answerWriter leaves 100 Continue to net/http, which sends it when the body is
// read first. The Transport does so when the upstream wants the body; what
// ReverseProxy then passes on would be a second one, before or after.
type answerWriter struct{ http.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (w answerWriter) WriteHeader(status int) {
	if status != http.StatusContinue {
		w.ResponseWriter.WriteHeader(status)
	}
}

// Unwrap is for http.ResponseController.
func (w answerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
