package session

import (
	"testing"
	"time"
)

func TestLatencies(t *testing.T) {
	var l Latencies
	var h Histogram
	for _, d := range []time.Duration{0, 500 * time.Microsecond, 501 * time.Microsecond, 10 * time.Second, time.Minute} {
		l.Observe(d)
		h.Observe(d)
	}
	if got := l.Histogram(); got != h {
		t.Errorf("got %+v, want %+v", got, h)
	}
	if n := testing.AllocsPerRun(100, func() { l.Observe(time.Second) }); n != 0 {
		t.Errorf("allocations: got %v, want none", n)
	}
}

func TestQuantile(t *testing.T) {
	var h Histogram
	if got := h.Quantile(0.5); got != 0 {
		t.Errorf("of nothing: got %v, want 0", got)
	}
	for range 90 {
		h.Observe(2 * time.Millisecond)
	}
	for range 10 {
		h.Observe(80 * time.Millisecond)
	}
	for _, tt := range []struct {
		share    float64
		from, to time.Duration
	}{
		{0.5, time.Millisecond, 2500 * time.Microsecond},
		{0.9, time.Millisecond, 2500 * time.Microsecond},
		{0.99, 50 * time.Millisecond, 100 * time.Millisecond},
	} {
		if got := h.Quantile(tt.share); got < tt.from || got > tt.to {
			t.Errorf("%v: got %v, want %v to %v", tt.share, got, tt.from, tt.to)
		}
	}
	h.Observe(time.Hour)
	if got := h.Quantile(1); got != 10*time.Second {
		t.Errorf("beyond all bounds: got %v, want the largest", got)
	}
}
