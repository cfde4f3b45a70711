package tracing

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"usher/proxy/config"
)

const (
	testPatience = 200 * time.Millisecond
	soon         = 10 * time.Second
)

// newTestClient returns a client whose collector may be silent for testPatience.
func newTestClient(t *testing.T, endpoint string) *client {
	t.Helper()
	c := newClient(config.Tracing{Endpoint: endpoint}, testPatience, slog.New(slog.DiscardHandler))
	t.Cleanup(c.close)
	return c
}

// upload has c upload one span, with as little time for it as a batch has of
// what a silent collector takes.
func (c *client) upload(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testPatience/2)
	defer cancel()
	c.UploadTraces(ctx, []*tracepb.ResourceSpans{{ScopeSpans: []*tracepb.ScopeSpans{{Spans: []*tracepb.Span{{Name: "GET"}}}}}})
}

// relayed listens for connections to a collector at another address, and passes
// bytes on as long as pass says so for a connection of this number, from 1.
func relayed(t *testing.T, to string, pass func(n int32) bool) (address string, made *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	made = new(atomic.Int32)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n := made.Add(1)
			u, err := net.Dial("tcp", to)
			if err != nil {
				t.Errorf("dial the collector: %v", err)
				return
			}
			go carry(u, c, func() bool { return pass(n) })
			go carry(c, u, func() bool { return pass(n) })
		}
	}()
	return l.Addr().String(), made
}

// carry passes on what comes, or drops it, until the end.
func carry(to, from net.Conn, pass func() bool) {
	defer to.Close()
	b := make([]byte, 4096)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		if pass() {
			to.Write(b[:n])
		}
	}
}

// A connection of HTTP/2 that has fallen silent is not used for ever: a balancer
// that lost its state sends no end of it.
func TestConnectionFallsSilent(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		var got atomic.Int32
		to := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			got.Add(1)
		}))
		to.EnableHTTP2 = http2
		to.StartTLS()
		var silent atomic.Bool
		address, made := relayed(t, to.Listener.Addr().String(), func(n int32) bool { return n > 1 || !silent.Load() })
		c := newTestClient(t, "https://"+address)
		c.http.Transport.(*http.Transport).TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
		for end := time.Now().Add(soon); got.Load() == 0 && time.Now().Before(end); {
			c.upload(t)
		}
		silent.Store(true)
		for end := time.Now().Add(soon); got.Load() < 2 && time.Now().Before(end); {
			c.upload(t)
		}
		if got.Load() < 2 || made.Load() < 2 {
			t.Errorf("HTTP/2 %t: got %d batches by %d connections, want one by a second", http2, got.Load(), made.Load())
		}
		c.close()
		to.CloseClientConnections()
		to.Close()
	}
}

// A connection that does not come about ends without a stop: one for each batch
// would add up.
func TestTLSHandshakeHangs(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ended := make(chan error, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, err := io.Copy(io.Discard, c)
				ended <- err
			}()
		}
	}()
	c := newTestClient(t, "https://"+l.Addr().String())
	c.stop() // one attempt for each batch
	const batches = 3
	for range batches {
		c.upload(t)
	}
	for i := range batches {
		select {
		case <-ended:
		case <-time.After(soon):
			t.Fatalf("connections: %d of %d have ended", i, batches)
		}
	}
}

// What ends while the queue is full is lost, and told of.
func TestCollectorIsSlow(t *testing.T) {
	release := make(chan struct{})
	c := newTestCollector(t)
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-release
		c.ServeHTTP(w, r)
	}))
	defer slow.Close()
	tr, log := newTestTracer(config.Tracing{Endpoint: slow.URL, Sample: 1})
	const ended = maxQueue + 10*maxBatch
	handshakes(tr, ended)
	if lines := log.lines(); len(lines) != 1 || !strings.Contains(lines[0], "spans=1 ") || !strings.Contains(lines[0], errFull.Error()) {
		t.Errorf("log: got %q, want one line when it begins", lines)
	}
	close(release)
	tr.Stop(t.Context())
	spans, _ := c.got()
	if len(spans) != maxQueue {
		t.Errorf("got %d spans, want %d", len(spans), maxQueue)
	}
	if lines := log.lines(); len(lines) != 2 || !strings.Contains(lines[1], "spans=5119") {
		t.Errorf("log: got %q, want in the end how many were lost", lines)
	}
}

// TestHostOfNoText has a trusted peer name a host that no span can hold.
func TestHostOfNoText(t *testing.T) {
	c := newTestCollector(t)
	tr, _ := newTestTracer(config.Tracing{Endpoint: c.URL, Sample: 1})
	handshakes(tr, 5)
	r := &http.Request{Method: "GET", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}}
	tr.Handshake(r, Caller{ID: "1", Host: "a\xff", Scheme: "http"}).Answered(101)
	tr.Stop(t.Context())
	if spans, _ := c.got(); len(spans) != 6 {
		t.Errorf("got %d spans, want 6", len(spans))
	}
}
