package tracing

import (
	"bytes"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"usher/proxy/config"
)

// collector takes spans, or answers in turn what it is told to.
type collector struct {
	*httptest.Server

	mu       sync.Mutex
	answers  []int           // what is answered next; guarded by mu, as what follows
	head     http.Header     // of every answer
	body     []byte          // likewise
	spans    []*tracepb.Span // of requests that were answered by 200
	requests []*http.Request
}

func newTestCollector(t *testing.T, answers ...int) *collector {
	t.Helper()
	c := &collector{answers: answers}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var data tracepb.TracesData
	bad := proto.Unmarshal(body, &data) != nil
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = append(c.requests, r)
	status := http.StatusOK
	if bad {
		status = http.StatusBadRequest
	} else if len(c.answers) > 0 {
		status, c.answers = c.answers[0], c.answers[1:]
	}
	if status == http.StatusOK {
		for _, rs := range data.GetResourceSpans() {
			for _, ss := range rs.GetScopeSpans() {
				c.spans = append(c.spans, ss.GetSpans()...)
			}
		}
	}
	w.Header().Set("Location", "/elsewhere")
	maps.Copy(w.Header(), c.head)
	w.WriteHeader(status)
	w.Write(c.body)
}

func (c *collector) got() (spans []*tracepb.Span, requests []*http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spans, c.requests
}

// newTestTracer returns a Tracer, and what it logs.
func newTestTracer(c config.Tracing) (*Tracer, *logBuffer) {
	log := new(logBuffer)
	return New(c, slog.New(slog.NewTextHandler(log, nil))), log
}

type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(strings.TrimSuffix(l.buf.String(), "\n"), "\n")
}

// handshakes makes n spans.
func handshakes(t *Tracer, n int) {
	for range n {
		r := &http.Request{Method: "GET", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}}
		t.Handshake(r, Caller{ID: "1", Host: "a", Scheme: "http"}).Answered(101)
	}
}
