package auth

import (
	"context"
	"crypto/rand"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"usher/proxy/session"
)

// fetching is how long a key set may take to come.
const fetching = 5 * time.Second

// Keeper has what outlives a routes file.
type Keeper struct {
	log *slog.Logger // static
	key [32]byte     // static: of marks
	web *http.Client // static

	ctx  context.Context // static; done when nobody asks any more
	stop context.CancelFunc

	mu    sync.Mutex
	sets  map[keySource]*keySet   // guarded by mu
	unix  map[string]*http.Client // by the path of the socket; guarded by mu
	loss  []*keySet               // whose lost keys count; guarded by mu, what it holds does not change
	asks  map[askedAt]*outage     // what the routes file asks; guarded by mu, what it holds does not change
	asked sync.Map                // Asked → *atomic.Uint64

	renewed chan struct{} // has one when it may be that keys are gone

	took map[string]*session.Latencies // by kind; what it holds may be used by anybody
}

// NewKeeper returns one that knows nothing yet. log may be nil.
func NewKeeper(log *slog.Logger) *Keeper {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	k := &Keeper{log: log, web: newClient(nil), sets: make(map[keySource]*keySet), unix: make(map[string]*http.Client), renewed: make(chan struct{}, 1), took: make(map[string]*session.Latencies)}
	rand.Read(k.key[:]) // never fails
	for _, kind := range kinds {
		k.took[kind] = new(session.Latencies)
	}
	k.ctx, k.stop = context.WithCancel(context.Background())
	return k
}

// newClient returns one that keeps connections, and follows nobody anywhere.
func newClient(dial func(ctx context.Context, network, address string) (net.Conn, error)) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy: nil, DialContext: dial, DisableCompression: true, ForceAttemptHTTP2: dial == nil,
			MaxIdleConnsPerHost: mostWaiting, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// client returns the one for a URL.
func (k *Keeper) client(url string) *http.Client {
	rest, ok := strings.CutPrefix(url, "unix:")
	if !ok {
		return k.web
	}
	socket, _, _ := strings.Cut(rest, ":")
	k.mu.Lock()
	defer k.mu.Unlock()
	c := k.unix[socket]
	if c == nil {
		c = newClient(func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		})
		k.unix[socket] = c
	}
	return c
}

// askedAt is whom an auth asks.
type askedAt struct{ kind, url string }

// Keep forgets the key sets and connections that no auth of set needs.
func (k *Keeper) Keep(set Set) {
	var loss []*keySet
	sets, unix, asks := make(map[keySource]bool), make(map[*http.Client]bool), make(map[askedAt]*outage)
	for _, g := range set {
		switch w := g.way.(type) {
		case *tokens:
			if s, ok := w.keys.(*keySet); ok {
				sets[s.keySource] = true
				asks[askedAt{g.kind, s.url}] = &s.outage
				if w.RevokeOnKeyLoss && !slices.Contains(loss, s) {
					loss = append(loss, s)
				}
			}
		case *service:
			unix[w.client] = true
			asks[askedAt{g.kind, w.URL}] = &w.outage
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asks, k.loss = asks, loss
	k.noteRenewed()
	maps.DeleteFunc(k.sets, func(from keySource, _ *keySet) bool { return !sets[from] })
	maps.DeleteFunc(k.unix, func(_ string, c *http.Client) bool {
		if !unix[c] {
			c.CloseIdleConnections()
		}
		return !unix[c]
	})
}

// Close closes what is kept open. Nobody asks any more.
func (k *Keeper) Close() {
	k.stop()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.web.CloseIdleConnections()
	for _, c := range k.unix {
		c.CloseIdleConnections()
	}
}

// result is what became of a question.
type result string

const (
	allowed     result = "allowed"
	refused     result = "refused"
	unavailable result = "unavailable" // nobody could say
)

// Asked is what questions are counted by.
type Asked struct {
	Route, Kind, Result string
}

func (k *Keeper) count(route, kind string, r result) {
	at := Asked{route, kind, string(r)}
	n, ok := k.asked.Load(at)
	if !ok {
		n, _ = k.asked.LoadOrStore(at, new(atomic.Uint64))
	}
	n.(*atomic.Uint64).Add(1)
}

// kinds of auth.
var kinds = []string{"forward", "jwt", "basic"}

// Took returns how long decisions have taken that had to wait for something, by the
// kind of auth.
func (k *Keeper) Took() map[string]session.Histogram {
	all := make(map[string]session.Histogram)
	for kind, l := range k.took {
		all[kind] = l.Histogram()
	}
	return all
}

// Totals returns how many questions there were.
func (k *Keeper) Totals() map[Asked]uint64 {
	totals := make(map[Asked]uint64)
	k.asked.Range(func(at, n any) bool {
		totals[at.(Asked)] = n.(*atomic.Uint64).Load()
		return true
	})
	return totals
}
