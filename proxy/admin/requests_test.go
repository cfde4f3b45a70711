package admin

import (
	"testing"

	"usher/proxy/plain"
)

func TestRequestsAddUp(t *testing.T) {
	all := (&desk{}).Requests()
	for _, tt := range []struct {
		route         string
		total, failed uint64
	}{{"/chat", 10, 2}, {"", 1, 0}, {"/other", 0, 0}} {
		got := sumRequests(all, func(t plain.Totals) bool { return t.Route == tt.route })
		if got.Total != tt.total || got.Failed != tt.failed {
			t.Errorf("%q: got %+v, want %d with %d failed", tt.route, got, tt.total, tt.failed)
		}
		if slow := got.P99 > 0.5 && got.P99 <= 1 && got.P50 <= got.P99; slow != (tt.route == "/chat") {
			t.Errorf("%q: got %v and %v, want a second where there was one", tt.route, got.P50, got.P99)
		}
	}
}
