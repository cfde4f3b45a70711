package front

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"usher/proxy/proxyproto"
	"usher/proxy/socket"
	"usher/proxy/tls13"
)

// departures are the clients that are about to move to another process. While
// they are open no request begins here: who has one, or waits to have one, goes.
type departures struct {
	open   atomic.Bool // set under mu
	mu     sync.Mutex
	list   []departure   // guarded by mu
	filled chan struct{} // holds one: the list is not empty
}

// departure is a client that has left its loop, or net/http.
type departure struct {
	client  *client
	conn    net.Conn       // nobody else's
	records *tls13.Session // nil if plain
	said    []byte
}

// departure is c's, of a connection with what was read of it, which is
// nobody else's.
func (c *client) departure(conn net.Conn, said []byte) departure {
	d := departure{client: c, conn: conn, said: said}
	if own, ok := conn.(*socket.Secured); ok {
		var plain []byte
		d.conn, d.records, plain = own.Release()
		d.said = append(said, plain...)
	}
	if p, ok := d.conn.(*proxyproto.Conn); ok {
		d.conn = p.Conn
	}
	return d
}

func newDepartures() *departures { return &departures{filled: make(chan struct{}, 1)} }

// add has one depart, and reports whether it can.
func (d *departures) add(one departure) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.open.Load() {
		return false
	}
	one.client.from.server.inflight.add(one.client, departs)
	d.list = append(d.list, one)
	select {
	case d.filled <- struct{}{}:
	default:
	}
	return true
}

// begin lets clients depart from now on.
func (d *departures) begin() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open.Store(true)
}

// end lets nobody depart any more, and returns those that are left.
func (d *departures) end() []departure {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open.Store(false)
	list := d.list
	d.list = nil
	return list
}

// take returns those that have waited longest.
func (d *departures) take(most int) []departure {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := min(most, len(d.list))
	some := d.list[:n:n]
	if d.list = d.list[n:]; len(d.list) > 0 {
		select {
		case d.filled <- struct{}{}:
		default:
		}
	}
	return some
}

// Hand gives clients away. taken tells whether the other process has them all (else
// none of them), and more whether it may have others.
type Hand func(states []ClientState, descriptors []int) (taken, more bool)

// Move gives the clients that ask for nothing yet to hand, up to most at a time,
// also those that come to do so, until ctx is done or hand takes no more. One that
// it does not take keeps no other here. Those that it has not go on here.
func (s *Server) Move(ctx context.Context, most int, hand Hand) {
	s.departures.begin()
	for _, c := range s.inflight.all(fresh, idle, served) {
		if c, ok := c.(departing); ok {
			c.departSoon()
		}
	}
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-s.departures.filled:
		}
		if some := s.departures.take(most); len(some) > 0 && !s.move(some, hand) {
			break
		}
	}
	s.stay(s.departures.end())
}

// move hands some on, or has them stay, and tells whether more may move.
func (s *Server) move(some []departure, hand Hand) (more bool) {
	var states []ClientState
	var descriptors []int
	var going []departure
	for _, d := range some {
		fd, ok := socket.Descriptor(d.conn)
		st, err := d.state()
		if !ok || err != nil {
			s.keep(d)
			continue
		}
		states, descriptors, going = append(states, st), append(descriptors, fd), append(going, d)
	}
	if len(going) == 0 {
		return true
	}
	taken, more := hand(states, descriptors)
	for i := range states {
		if states[i].TLS != nil {
			states[i].TLS.Records.Clear()
		}
	}
	switch {
	case taken:
		s.gone(going)
	case !more:
		s.stay(going)
	case len(going) > 1:
		return s.moveEach(going, hand)
	default:
		s.keep(going[0])
	}
	return more
}

// moveEach hands each of some on by itself.
func (s *Server) moveEach(some []departure, hand Hand) (more bool) {
	for i, d := range some {
		if !s.move([]departure{d}, hand) {
			s.stay(some[i+1:])
			return false
		}
	}
	return true
}

// keep has one stay for good: it would be offered again and again.
func (s *Server) keep(d departure) {
	d.client.stays = true
	s.stay([]departure{d})
}

// gone closes what another process has.
func (s *Server) gone(list []departure) {
	for _, d := range list {
		if d.records != nil {
			d.records.Clear()
		}
		d.conn.Close()
		s.inflight.remove(d.client)
	}
}

// stay has clients go on here that were to move.
func (s *Server) stay(list []departure) {
	for _, d := range list {
		s.inflight.add(d.client, fresh)
		d.conn.SetDeadline(time.Time{})
		conn := d.conn
		if d.records != nil {
			d.records.Resume()
			conn = socket.NewSecured(conn, d.records)
		}
		s.seat(d.client, conn, d.said)
	}
}

// departing is who may be asked to depart.
type departing interface {
	// departSoon has it do so unless a request has begun, now or when the one
	// that has is answered. It may be called from any goroutine.
	departSoon()
}

// departSoon implements departing.
func (c *client) departSoon() {
	if s := c.seat.Load(); s != nil {
		s.Post(func() {
			if c.seat.Load() == s {
				c.depart(nil)
			}
		})
	}
}

// depart has the client leave for another process, with what it has said and p,
// if that can be.
func (c *client) depart(p []byte) bool {
	in := c.from.server
	seat := c.seat.Load()
	if !in.departures.open.Load() || c.stays || c.stage >= shakes || !seat.Movable() {
		return false
	}
	next := &client{from: c.from, how: c.how, counts: c.counts, tls: c.tls, peer: c.peer, stage: c.stage, idle: c.idle}
	conn, err := seat.Leave()
	if err != nil {
		return false
	}
	c.seat.Store(nil)
	d := next.departure(conn, append(c.head, p...))
	c.stage, c.head = gone, nil
	if !in.departures.add(d) {
		in.stay([]departure{d})
	}
	in.inflight.remove(c)
	return true
}

// Arrive takes in a client that another process has had, and returns what is to
// be called once it is known that this one has it, or drop if it does not.
func (s *Server) Arrive(st ClientState, descriptor int, listeners []*Listener) (commit, drop func(), err error) {
	var from *Listener
	for _, l := range listeners {
		if l.Is(st.Listener) {
			from = l
		}
	}
	network, remote := "tcp", net.Addr(&net.UnixAddr{Net: "unix"})
	if st.Peer.IsValid() {
		remote = net.TCPAddrFromAddrPort(st.Peer)
	} else {
		network = "unix"
	}
	conn, err := socket.OfDescriptor(descriptor, network, remote)
	if err != nil {
		return nil, nil, err
	}
	drop = func() { conn.Close() }
	if from == nil { // its listener is not in the file any more
		return drop, drop, nil
	}
	c, conn, err := st.client(from, conn)
	if err != nil {
		return nil, nil, err
	}
	c.counts = c.counted(remote)
	return func() {
		s.inflight.add(c, fresh)
		s.seat(c, conn, st.Said)
	}, drop, nil
}
