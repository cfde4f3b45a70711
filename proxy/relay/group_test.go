package relay

import (
	"context"
	"testing"
	"time"
)

// newTestGroup starts loops that end with the test.
func newTestGroup(t *testing.T) *Group {
	t.Helper()
	g, err := NewGroup()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := g.Shutdown(ctx); err != nil {
			t.Errorf("got %v from Shutdown", err)
		}
	})
	return g
}
