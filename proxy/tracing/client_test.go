package tracing

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"usher/proxy/config"
)

func TestExport(t *testing.T) {
	c := newTestCollector(t)
	tr, log := newTestTracer(config.Tracing{Endpoint: c.URL + "/x/v1/traces", Sample: 1, Service: "edge",
		Headers: []config.Header{{Name: "Authorization", Value: "Bearer hunter2"}, {Name: "Host", Value: "collector.example"}}})
	handshakes(tr, 3)
	tr.Stop(t.Context())
	spans, requests := c.got()
	if len(spans) != 3 || len(requests) != 1 {
		t.Fatalf("got %d spans in %d requests, want 3 in 1", len(spans), len(requests))
	}
	r := requests[0]
	if r.Method != "POST" || r.URL.Path != "/x/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" ||
		r.Header.Get("Authorization") != "Bearer hunter2" || r.Host != "collector.example" {
		t.Errorf("got %s %s at %s with %v", r.Method, r.URL, r.Host, r.Header)
	}
	if got := log.lines(); got[0] != "" {
		t.Errorf("log: got %q, want nothing", got)
	}
	tr.Stop(t.Context()) // may be called again
	handshakes(tr, 1)
}

// What may succeed is tried again, and no answer is followed elsewhere.
func TestExportAgain(t *testing.T) {
	for name, tt := range map[string]struct {
		answers         []int
		spans, requests int
		log             string
	}{
		"busy":      {[]int{503, 429}, 2, 3, ""},
		"refused":   {[]int{401}, 0, 1, "it answers 401"},
		"elsewhere": {[]int{307}, 0, 1, "it answers 307"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newTestCollector(t, tt.answers...)
			tr, log := newTestTracer(config.Tracing{Endpoint: c.URL, Sample: 1, Headers: []config.Header{{Name: "X-Key", Value: "hunter2"}}})
			tr.client.retry = time.Millisecond
			handshakes(tr, 2)
			if err := tr.provider.ForceFlush(t.Context()); err != nil {
				t.Errorf("got %v, want no error: it would go to the handler of the process", err)
			}
			tr.Stop(t.Context())
			spans, requests := c.got()
			if len(spans) != tt.spans || len(requests) != tt.requests {
				t.Errorf("got %d spans in %d requests, want %d in %d", len(spans), len(requests), tt.spans, tt.requests)
			}
			if got := strings.Join(log.lines(), "\n"); !strings.Contains(got, tt.log) || tt.log == "" && got != "" || strings.Contains(got, "hunter2") {
				t.Errorf("log: got %q, want %q", got, tt.log)
			}
		})
	}
}

// A collector may take a part of what comes, and say so.
func TestExportInPart(t *testing.T) {
	for name, tt := range map[string]struct {
		answer string
		log    string
	}{
		"nothing":            {"", ""},
		"all":                {"\x0a\x00", ""},
		"some":               {"\x0a\x09\x12\x05quota\x08\x03", "spans=3"},
		"behind others":      {"\x12\x01x\x0a\x02\x08\x02", "spans=2"},
		"more than sent":     {"\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "spans=512"},
		"no protobuf":        {"{\"partialSuccess\":{}}", ""},
		"broken off":         {"\x0a\x05\x08", ""},
		"of another type":    {"\x08\x03", ""},
		"a warning, no loss": {"\x0a\x06\x12\x04slow", ""},
	} {
		c := newTestCollector(t)
		c.body = []byte(tt.answer)
		tr, log := newTestTracer(config.Tracing{Endpoint: c.URL, Sample: 1})
		handshakes(tr, 4)
		tr.Stop(t.Context())
		if _, requests := c.got(); len(requests) != 1 {
			t.Errorf("%s: got %d requests, want 1: nothing is to be sent again", name, len(requests))
		}
		if got := log.lines()[0]; !strings.Contains(got, tt.log) || tt.log == "" && got != "" {
			t.Errorf("%s: log: got %q, want %q", name, got, tt.log)
		}
	}
}

// A collector may say when it is to be asked again.
func TestExportWhenItLikes(t *testing.T) {
	for name, tt := range map[string]struct {
		after           string
		spans           int
		atLeast, atMost time.Duration
	}{
		"soon":         {"1", 2, time.Second, exportTimeout},
		"too late":     {"3600", 0, 0, exportTimeout / 2},
		"at a time":    {time.Now().Add(time.Hour).UTC().Format(http.TimeFormat), 0, 0, exportTimeout / 2},
		"a time ago":   {time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat), 2, 0, exportTimeout / 2},
		"not a number": {"soon", 2, 0, exportTimeout / 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newTestCollector(t, http.StatusServiceUnavailable)
			c.head = http.Header{"Retry-After": {tt.after}}
			tr, _ := newTestTracer(config.Tracing{Endpoint: c.URL, Sample: 1})
			tr.client.retry = time.Millisecond
			handshakes(tr, 2)
			began := time.Now()
			tr.provider.ForceFlush(t.Context())
			took := time.Since(began)
			tr.Stop(t.Context())
			if spans, _ := c.got(); len(spans) != tt.spans || took < tt.atLeast || took > tt.atMost {
				t.Errorf("got %d spans after %v, want %d after %v to %v", len(spans), took, tt.spans, tt.atLeast, tt.atMost)
			}
		})
	}
}

// A collector that is gone is logged once, with how much is lost in the end.
func TestCollectorIsGone(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	tr, log := newTestTracer(config.Tracing{Endpoint: "http://" + l.Addr().String() + "/hunter2", Sample: 1})
	tr.client.stop() // no second attempts
	for range 3 {
		handshakes(tr, 2)
		if err := tr.provider.ForceFlush(t.Context()); err != nil {
			t.Errorf("got %v, want no error", err)
		}
	}
	tr.Stop(t.Context())
	got := log.lines()
	if len(got) != 2 || !strings.Contains(got[0], "spans=2") || !strings.Contains(got[0], "connection refused") || !strings.Contains(got[1], "spans=4") {
		t.Errorf("log: got %q, want a line when it begins and one in the end", got)
	}
	if strings.Contains(strings.Join(got, ""), "hunter2") {
		t.Errorf("log: got the URL: %q", got)
	}
}

// A collector that does not answer holds nothing up, and a stop no longer than
// it may take.
func TestCollectorHangs(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // nobody accepts, so nobody answers
	tr, log := newTestTracer(config.Tracing{Endpoint: "http://" + l.Addr().String(), Sample: 1})
	began := time.Now()
	const many = maxQueue + 2*maxBatch
	handshakes(tr, many)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("%d spans took %v", many, took)
	}
	if waiting := len(log.lines()); waiting != 1 {
		t.Errorf("log: got %d lines, want none yet", waiting)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began = time.Now()
	tr.Stop(ctx)
	if took := time.Since(began); took < 150*time.Millisecond || took > 3*time.Second {
		t.Errorf("Stop took %v, want what it was given", took)
	}
	if got := log.lines(); got[0] == "" {
		t.Error("log: got nothing about what is lost")
	}
}

// The environment of another program turns nothing on and sends nothing elsewhere.
func TestEnvironmentIsNotAsked(t *testing.T) {
	c, other := newTestCollector(t), newTestCollector(t)
	for name, value := range map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": other.URL, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": other.URL, "OTEL_EXPORTER_OTLP_HEADERS": "x-evil=1",
		"OTEL_TRACES_SAMPLER": "always_off", "OTEL_BSP_MAX_QUEUE_SIZE": "1", "OTEL_SERVICE_NAME": "other", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "0",
		"OTEL_TRACES_EXPORTER": "otlp",
	} {
		t.Setenv(name, value)
	}
	if tr, _ := newTestTracer(config.Tracing{}); tr != nil {
		t.Error("got a tracer, though the file has none")
	}
	tr, _ := newTestTracer(config.Tracing{Endpoint: c.URL, Sample: 1, Service: "edge"})
	handshakes(tr, 5)
	tr.Stop(t.Context())
	spans, requests := c.got()
	if len(spans) != 5 || len(spans[0].GetAttributes()) == 0 || requests[0].Header.Get("X-Evil") != "" {
		t.Errorf("got %d spans, want 5 with attributes", len(spans))
	}
	if _, requests := other.got(); len(requests) != 0 {
		t.Errorf("elsewhere: got %d requests, want none", len(requests))
	}
}

// Without tracing nothing is allocated.
func TestOffCostsNothing(t *testing.T) {
	var tr *Tracer
	r := &http.Request{Method: "GET", Header: http.Header{"Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}}
	if n := testing.AllocsPerRun(100, func() {
		h := tr.Handshake(r, Caller{ID: "1", Host: "a"})
		h.Routed("/", "main")
		h.Inject(r.Header)
		for _, a := range []*Attempts{h.Attempts(), tr.Leg(h.Parent())} {
			a.Begin("main", "127.0.0.1:80")
			a.Connected()
			a.Failed("refused")
			a.Answered(101)
			_ = a.Traceparent()
		}
		h.Refused(403, "origin")
		h.Answered(101)
		h.End()
	}); n != 0 {
		t.Errorf("got %v allocations, want none", n)
	}
	if got := r.Header.Get("Traceparent"); !strings.HasSuffix(got, "b7ad6b7169203331-01") {
		t.Errorf("Traceparent: got %q, want it untouched", got)
	}
	tr.Stop(t.Context())
}
