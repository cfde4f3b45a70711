package proxy

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"usher/proxy/session"
)

// stuck is a log that does not move until it is let go.
type stuck struct {
	slog.Handler
	let   chan struct{}
	mu    sync.Mutex
	lines []string // guarded by mu
}

func (s *stuck) Enabled(context.Context, slog.Level) bool { return true }

func (s *stuck) Handle(_ context.Context, r slog.Record) error {
	<-s.let
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, r.Message)
	return nil
}

// TestStuckLogHoldsNobodyUp ends more sessions than the queue takes: the loops
// that end them must go on, and the lines that are lost be told.
func TestStuckLogHoldsNobodyUp(t *testing.T) {
	h := &stuck{Handler: slog.DiscardHandler, let: make(chan struct{})}
	l := newSessionLog(slog.New(h))
	sessions := session.NewRegistry(l.ended)
	const n = 2 * sessionLogQueue
	for range n {
		sessions.Open(session.Info{}).End(session.End{})
	}
	close(h.let)
	l.close()
	written := 0
	for _, line := range h.lines {
		if line == "session ended" {
			written++
		}
	}
	if written < sessionLogQueue || written >= n {
		t.Errorf("session lines: got %d, want at least %d and less than %d", written, sessionLogQueue, n)
	}
	if last := h.lines[len(h.lines)-1]; !strings.HasPrefix(last, "session lines dropped") {
		t.Errorf("last line: got %q, want that lines were dropped", last)
	}
}
