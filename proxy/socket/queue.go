package socket

import (
	"net"
	"sync"
)

// Queue is a listener of connections that were accepted elsewhere.
type Queue struct {
	mu     sync.Mutex
	some   sync.Cond  // handed has some, or the queue is closed
	handed []net.Conn // guarded by mu
	closed bool       // guarded by mu
}

// NewQueue returns one that is open.
func NewQueue() *Queue {
	q := new(Queue)
	q.some.L = &q.mu
	return q
}

// Hand gives c to whoever accepts, or closes it if the queue is closed. It
// reports whether somebody has c, or will. It does not block.
func (q *Queue) Hand(c net.Conn) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		c.Close()
		return false
	}
	q.handed = append(q.handed, c)
	q.some.Signal()
	return true
}

// Accept implements net.Listener.
func (q *Queue) Accept() (net.Conn, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.handed) == 0 {
		if q.closed {
			return nil, net.ErrClosed
		}
		q.some.Wait()
	}
	c := q.handed[0]
	q.handed[0] = nil
	if q.handed = q.handed[1:]; len(q.handed) == 0 {
		q.handed = nil
	}
	return c, nil
}

// Close implements net.Listener. What was handed before is accepted still.
func (q *Queue) Close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.some.Broadcast()
	return nil
}

// Addr implements net.Listener; there is none.
func (q *Queue) Addr() net.Addr { return &net.TCPAddr{} }
