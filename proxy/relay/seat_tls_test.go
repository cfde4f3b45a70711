package relay

import (
	"bytes"
	"crypto/tls"
	"sync"
	"testing"
	"time"

	"usher/proxy/socket"
)

// vestibule is an Acceptor whose clients leave for a TLS handshake in a
// goroutine, and come back.
type vestibule struct {
	hall
	group   *Group
	config  *tls.Config
	workers sync.WaitGroup
}

func (a *vestibule) Accepted(*Seat) Owner { return &hello{a} }

// hello has a seat that waits for the first bytes, which go with the connection.
type hello struct{ in *vestibule }

func (g *hello) Connected(*Seat, error) {}
func (g *hello) Due(*Seat)              {}
func (g *hello) Lost(s *Seat, _ error)  { s.Close() }

func (g *hello) Take(s *Seat, p []byte) {
	first := bytes.Clone(p)
	c, err := s.Leave()
	if err != nil {
		s.Close()
		return
	}
	g.in.workers.Go(func() {
		under := socket.NewDetachable(c)
		under.Feed(first, nil)
		t := tls.Server(under, g.in.config)
		c.SetDeadline(time.Now().Add(20 * time.Second))
		if t.Handshake() != nil {
			c.Close()
			return
		}
		c.SetDeadline(time.Time{})
		g.in.accepted.Add(1)
		g.in.group.Seat(t, nil, &echo{&g.in.hall}) // if it fails the client sees
	})
}

// A TLS client goes from the loop that accepted it to a goroutine and back to
// a loop, with what it sends close behind its handshake.
func TestSeatsOfTLSClients(t *testing.T) {
	server, cl := testTLS(t)
	g := newTestGroup(t)
	a := &vestibule{group: g, config: server}
	a.failed = make(chan error, 1)
	l, at := newListening(t, g, a)
	const n, workers = 200, 8
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := w; i < n; i += workers {
				c, err := tls.Dial("tcp", l.Addr().String(), cl)
				if err != nil {
					t.Error(err)
					return
				}
				c.SetDeadline(time.Now().Add(20 * time.Second))
				what := make([]byte, 20<<10)
				what[i] = byte(i)
				go c.Write(what)
				if err := wantRead(c, what); err != nil {
					t.Errorf("client %d: %v", i, err)
				}
				c.Close()
			}
		})
	}
	all.Wait()
	at.Close()
	a.workers.Wait()
	wantSoon(t, "over", a.over.Load, n)
	wantSoon(t, "in the group", g.clients, 0)
}
