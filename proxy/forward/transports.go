package forward

import (
	"context"
	"net"
	"net/http"
	"sync"

	"usher/proxy/upstream"
)

// Transports keep connections to endpoints for further requests. The zero value
// has none. They are shared by the forwarders of one server.
type Transports struct {
	mu  sync.Mutex
	all map[*upstream.Endpoint]*http.Transport // guarded by mu; made when first used
}

// of returns the endpoint's, which keeps its connections. How long an answer is
// waited for is a matter of the route, see patience.
func (ts *Transports) of(e *upstream.Endpoint) *http.Transport {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t, ok := ts.all[e]
	if ok {
		return t
	}
	t = &http.Transport{
		// Also for https endpoints: Dial makes the TLS connection.
		DialContext: func(ctx context.Context, _, host string) (net.Conn, error) {
			return e.DialAddress(ctx, addressOf(host))
		},
		DisableCompression:     true, // bodies pass as they are
		ExpectContinueTimeout:  continueTimeout,
		IdleConnTimeout:        idleTimeout,
		MaxIdleConnsPerHost:    idlePerEndpoint,
		DisableKeepAlives:      e.Announces(),
		MaxResponseHeaderBytes: maxHead,
	}
	if ts.all == nil {
		ts.all = make(map[*upstream.Endpoint]*http.Transport)
	}
	ts.all[e] = t
	return t
}

// Keep forgets the endpoints that p does not have. Requests under way to one of
// them end as they would.
func (ts *Transports) Keep(p *upstream.Pool) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for e, t := range ts.all {
		if p.Endpoints()[e.Identity] != e {
			t.CloseIdleConnections()
			delete(ts.all, e)
		}
	}
}

// CloseIdleConnections closes the connections that are kept for further
// requests.
func (ts *Transports) CloseIdleConnections() {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for _, t := range ts.all {
		t.CloseIdleConnections()
	}
}
