package plain

import (
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
	return &Upgrade{w, terms{by}}
}

// WriteHeader implements http.ResponseWriter.
func (u *Upgrade) WriteHeader(status int) {
	if status >= http.StatusOK {
		u.by.Answers.Apply(u.Header())
	}
	u.ResponseWriter.WriteHeader(status)
}

// Take is for a stream of HTTP/2.
func (u *Upgrade) Take(writeTimeout time.Duration) (net.Conn, error) {
	s, ok := u.ResponseWriter.(interface {
		Take(writeTimeout time.Duration) (net.Conn, error)
	})
	if !ok {
		return nil, errors.New("no stream of HTTP/2")
	}
	return s.Take(writeTimeout)
}

// Unwrap is for http.ResponseController.
func (u *Upgrade) Unwrap() http.ResponseWriter { return u.ResponseWriter }
