package plain

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"time"
)

// Upgrade is a handshake's ResponseWriter: whatever is written to it, other than
// the bytes of a connection that was taken over, has the route's headers.
type Upgrade struct {
	http.ResponseWriter
	terms
}

// NewUpgrade returns one of a request that comes to no route yet.
func NewUpgrade(w http.ResponseWriter, by Terms) *Upgrade {
	return &Upgrade{w, terms{by: by}}
}

// WriteHeader implements http.ResponseWriter.
func (u *Upgrade) WriteHeader(status int) {
	u.begins(status)
	if status >= http.StatusOK {
		u.change(u.Header())
	}
	u.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (u *Upgrade) Write(p []byte) (int, error) {
	u.begins(http.StatusOK)
	n, err := u.ResponseWriter.Write(p)
	u.Sent += int64(n)
	return n, err
}

// Hijack is for http.ResponseController: who calls it writes 101.
func (u *Upgrade) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(u.ResponseWriter).Hijack()
	if err == nil {
		u.begins(http.StatusSwitchingProtocols)
	}
	return c, rw, err
}

// End is called when the request's handler is done.
func (u *Upgrade) End() { u.Note() }

// Take is for a stream of HTTP/2.
func (u *Upgrade) Take(writeTimeout time.Duration) (net.Conn, error) {
	s, ok := u.ResponseWriter.(interface {
		Take(writeTimeout time.Duration) (net.Conn, error)
	})
	if !ok {
		return nil, errors.New("no stream of HTTP/2")
	}
	c, err := s.Take(writeTimeout)
	if err == nil {
		u.begins(http.StatusOK)
	}
	return c, err
}

// Unwrap is for http.ResponseController.
func (u *Upgrade) Unwrap() http.ResponseWriter { return u.ResponseWriter }
