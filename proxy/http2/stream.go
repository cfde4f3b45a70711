package http2

import (
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"usher/proxy/socket"
)

// streamBuffer is read at once from either side of a stream: what a frame holds
// at most, if nobody asks for more (RFC 9113, 4.2). We do not.
const streamBuffer = 16 << 10

// halfClosed is how long a client that has ended its side is still spoken to.
// Browsers end it with their Close frame, and wait for the answer to that.
const halfClosed = 5 * time.Second

// stream makes a socket of a stream of HTTP/2, which has none: the relay gets
// one end of a pair, and two goroutines copy between the other end and the
// stream. What either side does not take stops the copying, and with it the
// other side: the stream by its window, the socket by its buffer.
//
// It is what handshake wants of a StreamWriter. The request's goroutine owns it
// until WriteHeader.
type stream struct {
	http.ResponseWriter
	body io.ReadCloser
	gone <-chan struct{} // closed when the client has reset the stream, or is lost

	over     chan struct{} // closed when the relay has
	end      net.Conn      // ours of the pair; nil before Take
	timeout  time.Duration
	watchdog *time.Timer // runs while a write waits for the client
	copying  sync.WaitGroup
}

// serveStream serves an extended CONNECT, from its handshake to its end.
func (s *Server) serveStream(w http.ResponseWriter, r *http.Request) {
	st := &stream{ResponseWriter: w, body: r.Body, gone: r.Context().Done(), over: make(chan struct{})}
	// One connection has many streams, and each is claimed by itself.
	ctx := s.config.ConnContext(r.Context(), nil)
	s.config.Handler.ServeHTTP(st, r.WithContext(ctx))
	st.copying.Wait()
}

// Unwrap is for http.ResponseController.
func (st *stream) Unwrap() http.ResponseWriter { return st.ResponseWriter }

// Take returns the connection that the stream becomes with WriteHeader(200), of
// which the caller owns its end.
func (st *stream) Take(writeTimeout time.Duration) (net.Conn, error) {
	near, far, err := socket.Pair()
	if err != nil {
		return nil, err
	}
	st.end, st.timeout = near, writeTimeout
	return far, nil
}

// WriteHeader sends the answer. If it is that to a stream which was taken, data
// goes both ways from here on.
func (st *stream) WriteHeader(status int) {
	st.ResponseWriter.WriteHeader(status)
	if st.end == nil {
		return
	}
	controller := http.NewResponseController(st.ResponseWriter)
	if controller.Flush() != nil {
		st.end.Close() // the relay finds the client gone
		return
	}
	st.watchdog = time.AfterFunc(st.timeout, func() { controller.SetWriteDeadline(time.Unix(1, 0)) })
	st.watchdog.Stop()
	st.copying.Go(st.copyIn)
	st.copying.Go(func() { st.copyOut(controller) })
}

// copyIn copies what the client sends. The end of it is passed on after a while:
// the relay takes it for the end of the client.
func (st *stream) copyIn() {
	_, err := io.CopyBuffer(struct{ io.Writer }{st.end}, st.body, make([]byte, streamBuffer))
	if err == nil {
		patience := time.NewTimer(halfClosed)
		defer patience.Stop()
		select {
		case <-patience.C:
		case <-st.gone:
		case <-st.over:
		}
	}
	st.end.Close()
}

// copyOut copies what the relay sends, until it closes its end. Then the stream
// ends: net/http says so when its handler returns.
func (st *stream) copyOut(controller *http.ResponseController) {
	defer st.end.Close()
	defer st.body.Close() // ends copyIn
	defer close(st.over)
	b := make([]byte, streamBuffer)
	for {
		n, err := st.end.Read(b)
		if err != nil {
			return
		}
		st.watchdog.Reset(st.timeout)
		if _, err = st.ResponseWriter.Write(b[:n]); err == nil {
			err = controller.Flush()
		}
		st.watchdog.Stop()
		if err != nil {
			return
		}
	}
}
