package socket

import (
	"net"
	"sync"
)

// Queue is a listener of connections that were accepted elsewhere.
type Queue struct {
	handed chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// NewQueue returns one that is open.
func NewQueue() *Queue {
	return &Queue{handed: make(chan net.Conn), closed: make(chan struct{})}
}

// Hand gives c to whoever accepts, or closes it if the queue is closed. It
// reports whether somebody has c.
func (q *Queue) Hand(c net.Conn) bool {
	select {
	case q.handed <- c:
		return true
	case <-q.closed:
		c.Close()
		return false
	}
}

// Accept implements net.Listener.
func (q *Queue) Accept() (net.Conn, error) {
	select {
	case c := <-q.handed:
		return c, nil
	case <-q.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (q *Queue) Close() error {
	q.once.Do(func() { close(q.closed) })
	return nil
}

// Addr implements net.Listener; there is none.
func (q *Queue) Addr() net.Addr { return &net.TCPAddr{} }
