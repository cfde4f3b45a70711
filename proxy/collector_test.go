package proxy_test

import (
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// collector is what an OpenTelemetry collector is to usher.
type collector struct {
	*httptest.Server

	mu     sync.Mutex
	spans  []span   // guarded by mu, as what follows
	bodies [][]byte // as they came
	keys   []string // the Authorization of each
}

// span is one as a collector gets it.
type span struct {
	service, name, kind string
	trace, id, parent   string
	state, status       string
	link                string // the trace of the only link, "" for none
	attributes          map[string]string
	begin, end          uint64
}

func newTestCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var data tracepb.TracesData
		if err != nil || proto.Unmarshal(body, &data) != nil || r.URL.Path != "/v1/traces" || r.Method != http.MethodPost {
			t.Errorf("%s %s: got no traces, %v", r.Method, r.URL, err)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.bodies, c.keys = append(c.bodies, body), append(c.keys, r.Header.Get("Authorization"))
		for _, rs := range data.GetResourceSpans() {
			service := attributes(rs.GetResource().GetAttributes())["service.name"]
			for _, ss := range rs.GetScopeSpans() {
				for _, s := range ss.GetSpans() {
					c.spans = append(c.spans, newSpan(service, s))
				}
			}
		}
	}))
	t.Cleanup(c.Close)
	return c
}

func newSpan(service string, s *tracepb.Span) span {
	got := span{
		service: service, name: s.GetName(), kind: strings.TrimPrefix(s.GetKind().String(), "SPAN_KIND_"),
		trace: hex.EncodeToString(s.GetTraceId()), id: hex.EncodeToString(s.GetSpanId()), parent: hex.EncodeToString(s.GetParentSpanId()),
		state: s.GetTraceState(), status: strings.TrimPrefix(s.GetStatus().GetCode().String(), "STATUS_CODE_"),
		attributes: attributes(s.GetAttributes()), begin: s.GetStartTimeUnixNano(), end: s.GetEndTimeUnixNano(),
	}
	for _, l := range s.GetLinks() {
		got.link += hex.EncodeToString(l.GetTraceId()) + l.GetTraceState()
	}
	return got
}

func attributes(list []*commonpb.KeyValue) map[string]string {
	m := make(map[string]string, len(list))
	for _, kv := range list {
		switch v := kv.GetValue().GetValue().(type) {
		case *commonpb.AnyValue_StringValue:
			m[kv.GetKey()] = v.StringValue
		case *commonpb.AnyValue_IntValue:
			m[kv.GetKey()] = fmt.Sprint(v.IntValue)
		default:
			m[kv.GetKey()] = fmt.Sprint(v)
		}
	}
	return m
}

// tracing is the part of a routes file that sends everything to c. Clients that
// read no more are not waited for.
func (c *collector) tracing(more string) string {
	return fmt.Sprintf("drain: {over: 0s, deadline: 2s}\ntracing: {endpoint: %s%s}\n", c.URL, more)
}

// got returns the spans that have come, those of handshakes apart.
func (c *collector) got() (handshakes, attempts []span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.spans {
		if s.kind == "SERVER" {
			handshakes = append(handshakes, s)
		} else {
			attempts = append(attempts, s)
		}
	}
	return handshakes, attempts
}

// wantSpans stops b, after which all spans have been sent, and wants so many.
func (c *collector) wantSpans(t *testing.T, b *broker, handshakes, attempts int) (hs, as []span) {
	t.Helper()
	b.wantStop(t, patience)
	hs, as = c.got()
	if len(hs) != handshakes || len(as) != attempts {
		t.Fatalf("got %d handshakes and %d attempts, want %d and %d\n%+v\n%+v", len(hs), len(as), handshakes, attempts, hs, as)
	}
	return hs, as
}

// want checks all that s tells but what differs from run to run, which it
// wants to be there.
func (s span) want(t *testing.T, name, status string, attributes map[string]string, some ...string) {
	t.Helper()
	if s.name != name || s.status != status {
		t.Errorf("got span %q with status %s, want %q with %s", s.name, s.status, name, status)
	}
	if s.end < s.begin {
		t.Errorf("%s: ends before it begins", name)
	}
	for key, want := range attributes {
		if got := s.attributes[key]; got != want {
			t.Errorf("%s: %s: got %q, want %q", name, key, got, want)
		}
	}
	for _, key := range some {
		if s.attributes[key] == "" {
			t.Errorf("%s: got no %s", name, key)
		}
	}
	if len(s.attributes) != len(attributes)+len(some) {
		t.Errorf("%s: got %v, want %v and %v", name, s.attributes, attributes, some)
	}
}

// wantParent wants s to be a child of the other.
func (s span) wantParent(t *testing.T, of span) {
	t.Helper()
	if s.trace != of.trace || s.parent != of.id {
		t.Errorf("%s: got trace %s and parent %s, want %s and %s", s.name, s.trace, s.parent, of.trace, of.id)
	}
}

// wantTold wants an upstream to have been told of s.
func (s span) wantTold(t *testing.T, h http.Header) {
	t.Helper()
	want := fmt.Sprintf("00-%s-%s-01", s.trace, s.id)
	if got := h["Traceparent"]; len(got) != 1 || got[0] != want {
		t.Errorf("traceparent: got %q, want %q", got, want)
	}
}
