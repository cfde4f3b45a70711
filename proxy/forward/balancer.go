package forward

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"sync"
	"time"

	"usher/proxy/headers"
	"usher/proxy/plain"
	"usher/proxy/route"
	"usher/proxy/upstream"
)

const (
	// idleTimeout must be shorter than the upstream's, or a request may meet
	// a connection that is about to close. Node's is 5 seconds.
	idleTimeout = 4 * time.Second
	// idlePerEndpoint is how many connections are kept for further requests.
	idlePerEndpoint = 64
	// continueTimeout is how long an upstream may think before it is sent a
	// body that the client offers by "Expect: 100-continue".
	continueTimeout = time.Second
	// maxHead is the largest head of an answer.
	maxHead = 256 << 10
)

var errSwitched = errors.New("upstream answered 101 to a request that is no upgrade")

// balancer sends requests to the endpoints of one upstream.
type balancer struct {
	*Forwarder
	upstream *upstream.Upstream
	lead     upstream.Lead
	host     string         // that the client asked for
	sender   headers.Sender // the client
	match    route.Match
	answer   http.ResponseWriter // to the client
}

// RoundTrip sends a request to an endpoint that takes the connection. The
// endpoint counts as used until the answer's body is closed. A request that may be
// repeated is, once, if its connection broke off without a byte of an answer.
func (b balancer) RoundTrip(r *http.Request) (*http.Response, error) {
	tries, again := b.lead.Tries(), b.repeats(r)
	for {
		e, err := b.upstream.PickRequest(r.Context(), tries)
		plain.Sought(b.answer, tries.Held())
		if err != nil {
			return nil, err
		}
		res, err := b.send(e, r, tries.Address(e))
		if err == nil {
			e.Answered()
			return res, nil
		}
		if _, broke := errors.AsType[*brokenError](err); broke && again && r.Context().Err() == nil {
			again = false
			tries.Break(time.Now(), e, err)
			continue
		}
		if !tries.Next(r.Context(), e, err) {
			return nil, err
		}
	}
}

// repeats tells whether r may be sent again: it changes nothing at the upstream (RFC
// 9110, 9.2.1), has no body, and belongs to no session that one process alone has.
func (b balancer) repeats(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return r.Body == nil && !b.lead.Continues()
	}
	return false
}

// brokenError says that a connection to an endpoint broke off before a byte of the
// answer had come.
type brokenError struct{ error }

func (e *brokenError) Unwrap() error { return e.error }

// send makes one attempt. One that gets no connection leaves the body unread,
// and open for the next.
func (b balancer) send(e *upstream.Endpoint, r *http.Request, at netip.Addr) (*http.Response, error) {
	peer := net.Addr(nil)
	if b.lead.Peer(e) {
		ctx := httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { peer = i.Conn.RemoteAddr() }})
		r = r.WithContext(ctx)
	}
	attempt, patience := begin(r, &b.match.Route.Limits)
	attempt.URL = addressed(r.URL, at)
	res, err := b.Transports.of(e).RoundTrip(attempt)
	if err == nil && res.StatusCode == http.StatusSwitchingProtocols {
		res.Body.Close()
		err = errSwitched
	}
	if err = patience.answer(err); err != nil {
		patience.cancel(nil)
		e.ReleaseRequest()
		return nil, upstream.Explain(err)
	}
	if b.match.Rewrites() {
		headers.NewBack(b.match.Route.Route, b.sender, b.host, e.Address).Apply(res.Header)
	}
	res.Body = &releasing{ReadCloser: res.Body, release: sync.OnceFunc(func() {
		patience.cancel(nil)
		e.ReleaseRequest()
	})}
	b.tell(res, e, peer)
	return res, nil
}

// releasing gives the endpoint back when the answer is read or given up.
type releasing struct {
	io.ReadCloser
	release func()
}

func (r *releasing) Close() error {
	defer r.release()
	return r.ReadCloser.Close()
}
