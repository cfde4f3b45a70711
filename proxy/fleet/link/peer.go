package link

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// A node that cannot be had is tried again after leastPause, and then ever more
	// seldom, but at least each mostPause. Who needs it has it tried at once, if the
	// last attempt was not within justNow.
	leastPause = 250 * time.Millisecond
	mostPause  = 5 * time.Second
	justNow    = 100 * time.Millisecond
)

var (
	// errSelf is for an address of this very node.
	errSelf = errors.New("it is this node")
	// errTwin is for another with its id: sids of both lead to either.
	errTwin = errors.New("another node has the id of this one")
)

// peer is another node, or an address where one may be, and the connection to it.
// keep has a goroutine that makes it, and makes it anew when it is lost.
type peer struct {
	Node
	link   *Link
	ctx    context.Context
	cancel context.CancelFunc
	wake   chan struct{} // holds one: it is wanted at once

	mu      sync.Mutex
	id      string           // as it has said last, or as was known before; guarded by mu, as all that follows
	conn    *http.ClientConn // nil while there is none
	lose    func()           // says that conn is of no use any more
	outcome chan struct{}    // closed when the next attempt is over
	err     error            // of the last one
	tried   time.Time        // when that ended
	since   time.Time        // when it was found to be up, or not to be
}

func newPeer(l *Link, n Node) *peer {
	p := &peer{Node: n, link: l, id: n.ID, wake: make(chan struct{}, 1), outcome: make(chan struct{})}
	p.ctx, p.cancel = context.WithCancel(l.ctx)
	return p
}

func (p *peer) named() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.id
}

func (p *peer) state() Peer {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Peer{ID: p.id, Address: p.Address, Up: p.conn != nil, Since: p.since, Err: p.err}
}

// hurry has p be tried without a pause, unless it is there.
func (p *peer) hurry() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// greeted has p be tried, as it has come here itself.
func (p *peer) greeted() {
	p.mu.Lock()
	p.tried = time.Time{} // what was just now counts for nothing
	p.mu.Unlock()
	p.hurry()
}

// keep has a connection be there until p is not wanted any more.
func (p *peer) keep() {
	defer p.cancel()
	for pause := leastPause; p.ctx.Err() == nil; {
		lost := make(chan struct{})
		lose := sync.OnceFunc(func() { close(lost) })
		conn, id, err := p.dial(lose)
		p.tell(conn, lose, id, err)
		switch {
		case errors.Is(err, errSelf):
			return
		case err == nil:
			pause = leastPause
			select {
			case <-lost:
			case <-p.ctx.Done():
			}
			p.drop(conn)
			continue
		}
		select {
		case <-p.wake:
		case <-time.After(pause/2 + rand.N(pause)):
			pause = min(2*pause, mostPause)
		case <-p.ctx.Done():
		}
	}
}

// dial makes a connection, and calls lose when it is of no use any more.
func (p *peer) dial(lose func()) (conn *http.ClientConn, id string, err error) {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	own := false
	var protocols http.Protocols
	protocols.SetHTTP2(true)
	t := &http.Transport{
		Protocols:          &protocols,
		DisableCompression: true,
		HTTP2: &http.HTTP2Config{
			SendPingTimeout: pingAfter, PingTimeout: pingWait, WriteByteTimeout: takeTimeout,
			MaxReceiveBufferPerStream: streamWindow, MaxReceiveBufferPerConnection: connectionWindow,
			StrictMaxConcurrentRequests: true, // who is one too many waits, and the connection counts as good
		},
		DialTLSContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			d := tls.Dialer{Config: p.link.identity.client()}
			c, err := d.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			state := c.(*tls.Conn).ConnectionState()
			id, err = peerOf(state)
			own = p.link.identity.isOwn(state)
			return c, err
		},
	}
	if conn, err = t.NewClientConn(ctx, "https", p.Address); err != nil {
		return nil, "", err
	}
	if err := p.expects(id, own); err != nil {
		conn.Close()
		return nil, id, err
	}
	conn.SetStateHook(func(c *http.ClientConn) {
		if !usable(c) {
			lose()
		}
	})
	return conn, id, nil
}

// usable tells whether more can be asked by c: it has not ended, and the other end
// does not want it to.
func usable(c *http.ClientConn) bool {
	if c.Err() != nil || c.Reserve() != nil {
		return false
	}
	c.Release()
	return true
}

// expects says why the node of that id is not the one that is looked for.
func (p *peer) expects(id string, own bool) error {
	switch {
	case own, p.Address == p.link.Addr().String(): // where the process before it may answer
		return errSelf
	case id == p.link.ID():
		return errTwin
	case p.ID != "" && p.ID != id:
		return fmt.Errorf("node %s is at %s, where %s should be", id, p.Address, p.ID)
	}
	return nil
}

// tell says what an attempt has come to, to all who wait for it.
func (p *peer) tell(conn *http.ClientConn, lose func(), id string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if conn != nil || p.since.IsZero() {
		p.since = time.Now()
	}
	if conn != nil || p.err == nil { // not each attempt that fails
		p.note(id, err)
	}
	if !errors.Is(err, errTwin) {
		p.id = cmp.Or(id, p.id)
	}
	p.conn, p.lose, p.err, p.tried = conn, lose, err, time.Now()
	close(p.outcome)
	p.outcome = make(chan struct{})
}

// note tells the log that a node has come or gone.
func (p *peer) note(id string, err error) {
	switch log := p.link.config.Log; {
	case errors.Is(err, errSelf), p.ctx.Err() != nil:
	case err != nil:
		log.Warn("node of the fleet cannot be reached", "address", p.Address, "node", cmp.Or(id, p.id), "error", err)
	default:
		log.Info("node of the fleet is there", "address", p.Address, "node", id)
	}
}

// drop ends with a connection, by which requests may still be under way.
func (p *peer) drop(conn *http.ClientConn) {
	p.mu.Lock()
	p.conn, p.since = nil, time.Now()
	id := p.id
	p.mu.Unlock()
	if p.ctx.Err() == nil {
		p.link.config.Log.Info("node of the fleet has ended the connection", "address", p.Address, "node", id)
	}
	conn.SetStateHook(func(c *http.ClientConn) {
		if c.InFlight() == 0 {
			c.Close()
		}
	})
	if conn.InFlight() == 0 {
		conn.Close()
	}
}

// get returns the connection to p, or why there is none. It waits for an attempt to
// make one, which begins now if there was none just now.
func (p *peer) get(ctx context.Context) (*http.ClientConn, error) {
	p.mu.Lock()
	conn, lose, err, outcome, tried := p.conn, p.lose, p.err, p.outcome, p.tried
	p.mu.Unlock()
	switch {
	case conn != nil && usable(conn):
		return conn, nil
	case conn != nil:
		lose()
	case err != nil && time.Since(tried) < justNow:
		return nil, err
	default:
		p.hurry()
	}
	select {
	case <-outcome:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-p.ctx.Done():
		return nil, ErrGone
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conn == nil {
		return nil, p.err
	}
	return p.conn, nil
}
