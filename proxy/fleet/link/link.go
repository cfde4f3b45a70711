package link

import (
	"context"
	"errors"
	"fmt"
	"log" //nolint:depguard // an http.Server writes by one
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"usher/proxy/http2"
)

const (
	// patience is how long another node may take to be reached and to prove who it
	// is, and how long one that does not move is not noticed.
	patience = 3 * time.Second
	// A node that says nothing for pingAfter is asked, and has pingWait to answer.
	pingAfter = time.Second
	pingWait  = patience - pingAfter
	// takeTimeout is how long a node may take nothing of what waits for it.
	takeTimeout = 10 * time.Second

	maxStreams = 10_000   // that a node may ask for at a time: its clients' polls that wait
	maxHead    = 64 << 10 // bytes of a request's head

	// A client that takes nothing, or whose server takes nothing, has so much of
	// its stream kept, either way. All may at once, and never stop another.
	streamWindow     = 64 << 10
	connectionWindow = maxStreams * streamWindow

	maxGreeting = 64 // connections of whoever, that have not proved anything yet
	maxEach     = 4  // connections of one node; an older one is of its process before
)

// ErrGone is for a node that is not there: nobody answers at its address, or it
// does not move.
var ErrGone = errors.New("node of the fleet is gone")

// Config is what a Link is made of. All of it is required, but for Nodes.
type Config struct {
	ID       string       // of this node
	Listener net.Listener // where other nodes come; the Link owns it
	Keys     [][]byte     // of the fleet, 32 bytes each, the newest first: all are believed
	Nodes    []Node       // that are known, this one may be among them
	Log      *slog.Logger
	ErrorLog *log.Logger

	// Handler gets the requests of other nodes, whose id From returns. Those that
	// open a WebSocket come with a ResponseWriter as package http2 has it.
	Handler http.Handler
	// ConnContext is a hook, as that of http.Server.
	ConnContext func(ctx context.Context, c net.Conn) context.Context
}

// Node is another node, as far as it is known before it has said who it is.
type Node struct {
	ID      string // "" for whoever answers there
	Address string
}

// Link is a node's end of all connections with others.
type Link struct {
	// static after construction
	config   Config
	identity *identity
	http     *http2.Server
	ctx      context.Context
	cancel   context.CancelFunc
	running  sync.WaitGroup

	strangers atomic.Int64 // when one was logged last, in nanoseconds since 1970

	mu       sync.Mutex
	peers    []*peer                  // guarded by mu
	started  bool                     // guarded by mu
	greeting map[net.Conn]struct{}    // of whoever has not proved yet who it is; guarded by mu
	inside   map[string][]*http2.Conn // by id, the oldest first; guarded by mu
}

// New returns a Link that neither takes connections nor makes any before Start.
func New(c Config) (*Link, error) {
	n, err := newIdentity(c.ID, c.Keys, time.Now)
	if err != nil {
		return nil, err
	}
	l := &Link{config: c, identity: n, greeting: make(map[net.Conn]struct{}), inside: make(map[string][]*http2.Conn)}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.http = l.newServer()
	l.SetNodes(c.Nodes)
	return l, nil
}

// ID returns that of this node.
func (l *Link) ID() string { return l.identity.id }

// Addr returns where other nodes come.
func (l *Link) Addr() net.Addr { return l.config.Listener.Addr() }

// Start has others be served, and be looked for.
func (l *Link) Start() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.started = true
	l.running.Go(l.serve)
	l.running.Go(l.accept)
	for _, p := range l.peers {
		l.running.Go(p.keep)
	}
}

// SetNodes says which other nodes there are from now on. Those that were known and
// are not any more are not asked again; what they ask is served.
func (l *Link) SetNodes(list []Node) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var kept []*peer
	for _, n := range list {
		if i := slices.IndexFunc(l.peers, func(p *peer) bool { return p.Node == n }); i >= 0 {
			kept = append(kept, l.peers[i])
			continue
		}
		p := newPeer(l, n)
		kept = append(kept, p)
		if l.started {
			l.running.Go(p.keep)
		}
	}
	for _, p := range l.peers {
		if !slices.Contains(kept, p) {
			p.cancel()
		}
	}
	l.peers = kept
}

// Stop has nobody come any more, lets requests end that are under way until ctx is
// done, and ends the rest. The Link is of no use then.
func (l *Link) Stop(ctx context.Context) {
	l.config.Listener.Close()
	l.Leave(ctx)
	l.cancel()
	l.http.Close()
	l.running.Wait()
}

// Leave has others come by another connection with what they ask from now on, and
// returns when all is answered that was asked, or ctx is done.
func (l *Link) Leave(ctx context.Context) { _ = l.http.Shutdown(ctx) } // who is left is for Stop

// Peer is another node, as it is seen from here.
type Peer struct {
	ID      string // "" if it has never said so
	Address string
	Up      bool
	Since   time.Time // when that began; zero if it was never otherwise
	Err     error     // why it is not up; nil if it is, or was not looked for yet
}

// Peers returns the other nodes that are known, in their order, each once.
func (l *Link) Peers() []Peer {
	list := make([]Peer, 0, len(l.all()))
	for _, p := range l.all() {
		one := p.state()
		same := func(other Peer) bool { return other.ID == one.ID && other.Address == one.Address }
		if one.ID != l.ID() && !slices.ContainsFunc(list, same) {
			list = append(list, one)
		}
	}
	return list
}

func (l *Link) all() []*peer {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.peers // which does not change
}

// RoundTrip has the node of that id answer r, which it waits for as long as the
// context of r. The error is ErrGone if the node is not there, or not any more.
func (l *Link) RoundTrip(id string, r *http.Request) (*http.Response, error) {
	for again := true; ; again = false {
		c, err := l.reach(r.Context(), id)
		if err != nil {
			return nil, err
		}
		res, err := c.RoundTrip(r)
		switch {
		case err == nil || r.Context().Err() != nil:
			return res, err
		case c.Err() != nil:
			return nil, fmt.Errorf("%w: %w", ErrGone, err)
		case usable(c) || !again || r.Body != nil && r.Body != http.NoBody:
			return nil, err
		}
		// The other end asks to come by another connection, and has not looked at r.
	}
}
