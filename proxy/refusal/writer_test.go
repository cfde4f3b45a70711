package refusal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"usher/proxy/headers"
	"usher/proxy/route"
	"usher/proxy/upstream"
)

func TestRefuse(t *testing.T) {
	endpoint := &upstream.Endpoint{Address: "10.0.0.7:8080"}
	tests := []struct {
		err    error
		status int
		reason string
	}{
		{route.ErrPath, 400, "path"},
		{route.ErrNoRoute, 404, "no_route"},
		{route.ErrNoHost, 421, "no_host"},
		{fmt.Errorf("wrapped: %w", route.ErrNoRoute), 404, "no_route"},
		{upstream.ErrNoEndpoint, 503, "no_endpoint"},
		{&upstream.DialError{Endpoint: endpoint, Err: errors.New("connection refused")}, 502, "dial"},
		{&upstream.DialError{Endpoint: endpoint, Err: os.ErrDeadlineExceeded}, 504, "timeout"},
		{context.Canceled, 502, "client_gone"},
		{fmt.Errorf("read: %w", os.ErrDeadlineExceeded), 504, "timeout"},
		{errors.New("read tcp 10.0.0.7:8080: reset"), 502, "answer"},
		{New(426, Version, "no"), 426, "version"},
	}
	for _, tt := range tests {
		t.Run(tt.err.Error(), func(t *testing.T) {
			wr := new(Writer)
			w := httptest.NewRecorder()
			w.Header().Set("X-Left", "over")
			wr.Refuse(w, httptest.NewRequest("GET", "/x?token=secret", nil), headers.Sender{}, tt.err)
			if w.Code != tt.status || wr.Reasons()[tt.reason] != 1 {
				t.Errorf("got %d and %v, want %d and one %s", w.Code, wr.Reasons(), tt.status, tt.reason)
			}
			for name, want := range map[string]string{"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff", "X-Left": ""} {
				if got := w.Header().Get(name); got != want {
					t.Errorf("%s: got %q, want %q", name, got, want)
				}
			}
			body := w.Body.String()
			if strings.Contains(body, "10.0.0.7") || strings.Contains(body, "secret") || strings.Count(body, "\n") != 1 {
				t.Errorf("body: got %q, want one short line without anything internal", body)
			}
		})
	}
}

// A client that leaves is no failure of anybody here.
func TestGoneClientIsNoWarning(t *testing.T) {
	var text strings.Builder
	wr := &Writer{Log: slog.New(slog.NewTextHandler(&text, nil))}
	wr.Refuse(httptest.NewRecorder(), httptest.NewRequest("GET", "/x", nil), headers.Sender{}, fmt.Errorf("read: %w", context.Canceled))
	if got := text.String(); !strings.Contains(got, "level=INFO") || strings.Contains(got, "refused") || strings.Contains(got, "502") || !strings.Contains(got, "reason=client_gone") {
		t.Errorf("log: got %q, want a line of a client that went away, and no status", got)
	}
}
