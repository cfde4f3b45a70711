package forward

import (
	"io"
	"net/http"
	"sync/atomic"
)

// answerWriter leaves 100 Continue to net/http, which sends it when the body is
// read first. The Transport does so when the upstream wants the body; what
// ReverseProxy then passes on would be a second one, before or after.
//
// An answer that stands before the end of the request's body is the connection's
// last one in HTTP/1: when net/http itself comes to that end, behind the
// handler's, it panics as it goes on to the next request.
type answerWriter struct {
	http.ResponseWriter
	body *watchedBody // nil where it need not be read to its end
}

// newAnswerWriter returns one for the answer to r, whose body it watches.
func newAnswerWriter(w http.ResponseWriter, r *http.Request) answerWriter {
	if r.ProtoMajor != 1 || r.Body == nil || r.Body == http.NoBody {
		return answerWriter{ResponseWriter: w}
	}
	b := &watchedBody{ReadCloser: r.Body}
	r.Body = b
	return answerWriter{w, b}
}

// WriteHeader implements http.ResponseWriter.
func (w answerWriter) WriteHeader(status int) {
	if status == http.StatusContinue {
		return
	}
	if h := w.Header(); status >= http.StatusOK && h["Content-Type"] == nil {
		h["Content-Type"] = nil // net/http would guess one, if some of the body comes at once
	}
	if w.body != nil && !w.body.ended.Load() && status >= http.StatusOK {
		w.Header()["Connection"] = []string{"close"}
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w answerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// watchedBody knows whether it was read to its end.
type watchedBody struct {
	io.ReadCloser
	ended atomic.Bool
}

// Read implements io.Reader.
func (b *watchedBody) Read(p []byte) (n int, err error) {
	if n, err = b.ReadCloser.Read(p); err == io.EOF {
		b.ended.Store(true)
	}
	return n, err
}

// passBroken is deferred where an answer may break off, for which ReverseProxy
// panics so that the client is not made to take it for whole. What there is goes
// to the client, though no byte of the body may have come.
func passBroken(w http.ResponseWriter) {
	if broken := recover(); broken != nil {
		_ = http.NewResponseController(w).Flush() // a client that has gone is found by what follows
		panic(broken)
	}
}
