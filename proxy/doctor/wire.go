package doctor

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

const maxBody = 8 << 10 // more of an answer is not read

func (e *examination) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	if e.target.tls {
		return new(tls.Dialer).DialContext(ctx, "tcp", e.target.address)
	}
	return new(net.Dialer).DialContext(ctx, "tcp", e.target.address)
}

// wire is one connection that carries one request.
type wire struct {
	net.Conn
	in    *bufio.Reader
	start time.Time
	limit time.Time // of everything on this wire
	stop  func() bool
}

// connect opens a connection of its own, so that nothing behind a balancer or
// in a keep-alive cache makes two requests look like one client's.
func (e *examination) connect(ctx context.Context, head string) (*wire, error) {
	c, err := e.dial(ctx)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	w := &wire{Conn: c, in: bufio.NewReader(c), start: now, limit: now.Add(e.timeout)}
	w.stop = context.AfterFunc(ctx, func() { c.Close() })
	c.SetDeadline(w.limit)
	if _, err := io.WriteString(c, head); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// Close closes the connection.
func (w *wire) Close() error {
	w.stop()
	return w.Conn.Close()
}

// head returns the head of a request.
func (e *examination) head(method, path, query string, lines ...string) string {
	if e.target.query != "" {
		query = strings.Trim(query+"&"+e.target.query, "&")
	}
	if query != "" {
		path += "?" + query
	}
	lines = append([]string{method + " " + path + " HTTP/1.1", "Host: " + e.target.host, "User-Agent: usher-doctor"}, lines...)
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// request makes one HTTP request that is no upgrade.
func (e *examination) request(ctx context.Context, method, path, query, body string) answer {
	lines := []string{"Connection: close"}
	if body != "" {
		lines = append(lines, "Content-Type: text/plain;charset=UTF-8", fmt.Sprintf("Content-Length: %d", len(body)))
	}
	w, err := e.connect(ctx, e.head(method, path, query, lines...)+body)
	if err != nil {
		return answer{err: err}
	}
	defer w.Close()
	return w.answer()
}

// answer reads the first HTTP answer.
func (w *wire) answer() answer {
	var a answer
	if _, err := w.in.Peek(1); err != nil {
		a.endedBy(err, time.Since(w.start))
		return a
	}
	a.first = time.Since(w.start)
	r, err := http.ReadResponse(w.in, nil)
	if err != nil {
		a.err = fmt.Errorf("no HTTP answer: %w", err)
		return a
	}
	defer r.Body.Close()
	a.status, a.header = r.StatusCode, r.Header
	if a.status != http.StatusSwitchingProtocols {
		body, _ := io.ReadAll(io.LimitReader(r.Body, maxBody)) // a body cut short still says what it says
		a.body = string(body)
	}
	return a
}

// endedBy notes how reading ended after the given time.
func (a *answer) endedBy(err error, after time.Duration) {
	a.err = err
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		a.ended = after
	}
}
