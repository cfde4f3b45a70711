package plain

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"time"
)

// lingering is what a client gets to send the rest of a body that nobody has
// read, so that its connection is not reset before it has read the answer.
const lingering = time.Second

// past is a deadline that ends what waits.
var past = time.Unix(1, 0)

// Exchange is a plain request and its answer, whose ResponseWriter it is. One
// goroutine uses it, but for the body.
type Exchange struct {
	http.ResponseWriter
	control *http.ResponseController
	terms
	major int // of HTTP

	writes    Watchdog
	body      *body // nil without one
	unflushed bool
	hijacked  bool
}

// Bound begins with r, which comes to no route yet: what by says counts. The caller has the request that
// is returned served with the Exchange in place of w, and calls End behind that.
func Bound(w http.ResponseWriter, r *http.Request, by Terms) (*Exchange, *http.Request) {
	x := &Exchange{ResponseWriter: w, control: http.NewResponseController(w), terms: terms{by: by}, major: r.ProtoMajor}
	x.writes.Bark = func() { _ = x.control.SetWriteDeadline(past) } // fails if the connection is gone
	if r.Body == nil || r.Body == http.NoBody {
		return x, r
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	r = r.WithContext(ctx)
	x.body = &body{ReadCloser: r.Body, exchange: x, cancel: cancel}
	x.body.reads.Bark = x.body.giveUp
	r.Body = x.body
	if x.major == 1 {
		// Otherwise net/http itself reads the body before it lets an answer begin,
		// for as long as the client likes.
		_ = x.control.EnableFullDuplex() // of a writer that cannot, a test's, there is no connection
	}
	return x, r
}

// Change makes the changes to h that the answer of w would have, which is written
// by somebody else.
func Change(w http.ResponseWriter, h http.Header) {
	if x, ok := w.(*Exchange); ok {
		x.by.Answers.Apply(h)
	}
}

// End is called when the request's handler is done.
func (x *Exchange) End() {
	x.writes.End()
	if x.body != nil {
		x.body.reads.End()
		x.body.cancel(nil)
	}
	switch {
	case x.hijacked:
	case x.major == 1:
		// net/http writes and reads on by itself.
		_ = x.control.SetWriteDeadline(time.Now().Add(x.by.Limits.WriteTimeout))
		if x.body != nil && !x.body.ended.Load() {
			x.body.end()
			_ = x.control.SetReadDeadline(time.Now().Add(lingering))
		}
	case x.unflushed:
		_ = x.control.SetWriteDeadline(time.Now().Add(x.by.Limits.WriteTimeout))
	}
	if x.body != nil {
		x.Received = x.body.come.Load()
	}
	x.Note()
}

// WriteHeader implements http.ResponseWriter. An answer that stands before the
// end of the request's body is the connection's last one in HTTP/1: net/http
// itself would come to that end behind the handler's, and panic as it goes on to
// the next request.
func (x *Exchange) WriteHeader(status int) {
	x.unflushed = true
	x.begins(status)
	if status >= http.StatusOK {
		x.change(x.Header())
	}
	if x.major == 1 && x.body != nil && !x.body.ended.Load() && status >= http.StatusOK {
		x.Header()["Connection"] = []string{"close"}
	}
	x.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (x *Exchange) Write(p []byte) (int, error) {
	x.unflushed = true
	x.begins(http.StatusOK)
	x.writes.Watch(x.by.Limits.WriteTimeout)
	defer x.writes.Rest()
	n, err := x.ResponseWriter.Write(p)
	x.Sent += int64(n)
	return n, err
}

// FlushError is for http.ResponseController.
func (x *Exchange) FlushError() error {
	x.unflushed = false
	x.writes.Watch(x.by.Limits.WriteTimeout)
	defer x.writes.Rest()
	return x.control.Flush()
}

// Hijack is for http.ResponseController. The connection is no matter of x any
// more.
func (x *Exchange) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := x.control.Hijack()
	x.hijacked = err == nil
	return c, rw, err
}

// Unwrap is for http.ResponseController.
func (x *Exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }
