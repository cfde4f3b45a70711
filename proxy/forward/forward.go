// Package forward passes plain HTTP requests to an upstream and the answers
// back, streaming both ways: nothing waits for its end, so that long polling and
// server-sent events work as they do without a proxy.
//
// Only the first answer of an Engine.IO session is looked into, where its
// upstream has an affinity: its sid says from then on which endpoint has it.
//
// Upgrades never come here, and none comes out of here: an upstream that
// answers 101 to a plain request is refused.
package forward

import (
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"

	"usher/proxy/encode"
	"usher/proxy/headers"
	"usher/proxy/http1"
	"usher/proxy/refusal"
	"usher/proxy/route"
	"usher/proxy/upstream"
)

// flushed is how long an answer's first bytes wait for its others. At once would
// be a goroutine and a write of its own for each head.
const flushed = time.Millisecond

// Forwarder passes requests to the upstreams of a pool.
type Forwarder struct {
	// Static after construction; all are required.
	Upstreams  *upstream.Pool
	Headers    headers.Rules
	Transports *Transports
	Refusals   *refusal.Writer
	Encoders   *encode.Encoders

	buffers buffers
}

// Serve answers r, which s has sent, with what the upstream of its route says.
func (f *Forwarder) Serve(w http.ResponseWriter, r *http.Request, m route.Match, s headers.Sender) {
	b := balancer{Forwarder: f, upstream: f.Upstreams.Get(m.Route.Upstream.Name), host: r.Host, sender: s, match: m, answer: w}
	var err error
	if b.lead, err = b.upstream.Lead(r, r.URL.RawQuery); err != nil {
		f.Refusals.Refuse(w, r, s, err)
		return
	}
	proxy := httputil.ReverseProxy{
		Rewrite:       func(p *httputil.ProxyRequest) { f.rewrite(p, m, s, &b.lead) },
		Transport:     b,
		FlushInterval: flushed,
		BufferPool:    &f.buffers,
		// An answer that breaks off is an everyday event, and the client sees it.
		ErrorLog:     slog.NewLogLogger(slog.DiscardHandler, 0),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) { f.Refusals.Refuse(w, r, s, err) },
	}
	if by := m.Route.Encode; by != nil {
		proxy.ModifyResponse = func(res *http.Response) error {
			f.Encoders.Answer(res, r, by)
			return nil
		}
	}
	defer passBroken(w)
	proxy.ServeHTTP(answerWriter{w}, r.WithContext(limitInterim(r.Context())))
}

// rewrite makes the upstream's request. It starts from the client's headers
// anew, as ReverseProxy has taken off some that a trusted peer may send.
func (f *Forwarder) rewrite(p *httputil.ProxyRequest, m route.Match, s headers.Sender, lead *upstream.Lead) {
	in, out := p.In, p.Out
	h := in.Header.Clone()
	f.Headers.Apply(h, s, m.Route.Headers)
	if http1.HasToken(in.Header["Te"], "trailers") {
		h["Te"] = []string{"trailers"} // of hop-by-hop headers the one that also holds end to end
	}
	if lead.Opens() {
		delete(h, "Accept-Encoding")
	}
	out.Header = h
	out.Host = headers.TakeHost(h, in.Host)
	// Opaque keeps every escape as it stands in the path that was matched; and
	// the query is the upstream's to understand, even where net/url cannot.
	out.URL = &url.URL{Scheme: "http", Host: anyAddress, Opaque: m.UpstreamPath(), RawQuery: lead.Query}
	passTrailers(out, in, m, f.Headers)
}

// buffers are shared by all answers that are under way.
type buffers struct{ pool sync.Pool }

const bufferSize = 32 << 10

// Get implements httputil.BufferPool.
func (b *buffers) Get() []byte {
	if p, ok := b.pool.Get().(*[bufferSize]byte); ok {
		return p[:]
	}
	return make([]byte, bufferSize)
}

// Put implements httputil.BufferPool.
func (b *buffers) Put(p []byte) {
	if len(p) == bufferSize {
		b.pool.Put((*[bufferSize]byte)(p))
	}
}
