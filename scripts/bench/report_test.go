//go:build linux

package main

import (
	"strings"
	"testing"
	"time"
)

func TestMiddle(t *testing.T) {
	tests := []struct {
		sorted []float64
		want   float64
	}{
		{[]float64{3}, 3},
		{[]float64{1, 2}, 1.5},
		{[]float64{1, 2, 9}, 2},
		{[]float64{1, 2, 3, 9}, 2.5},
	}
	for _, tt := range tests {
		if got := middle(tt.sorted); got != tt.want {
			t.Errorf("middle(%v): got %v, want %v", tt.sorted, got, tt.want)
		}
	}
}

func TestPercentile(t *testing.T) {
	var sorted []time.Duration
	for i := range 200 {
		sorted = append(sorted, time.Duration(i+1))
	}
	for p, want := range map[int]time.Duration{50: 100, 99: 198, 100: 200} {
		if got := percentile(sorted, p); got != want {
			t.Errorf("percentile %d of 1..200: got %d, want %d", p, got, want)
		}
	}
	if got := percentile(sorted[:1], 99); got != 1 {
		t.Errorf("percentile 99 of one value: got %d, want it", got)
	}
}

func TestTable(t *testing.T) {
	var r results
	add := func(how transport, m metric, proxy string, values ...float64) {
		for _, v := range values {
			r.add(result{scenario: "echo", title: "echo", how: how, metric: m, proxy: proxy, value: v})
		}
	}
	add(overTCP, perRoundTrip, "nginx", 12, 10, 11)
	add(overTCP, perRoundTrip, "usher", 9.9)
	add(overTLS, perRoundTrip, "usher", 20, 30)
	add(overTCP, whileIdle, "nginx", 0)
	add(overTCP, whileIdle, "usher", 0)
	var out strings.Builder
	writeTable(&out, r, []string{"usher", "nginx"}, "nginx")
	want := `| scenario | | usher | nginx |
|---|---|---|---|
| echo, plain | µs CPU per round trip | **9.9** ×0.90 | **11.0** (10.0–12.0) |
| echo, TLS | µs CPU per round trip | **25.0** (20.0–30.0) | – |
| echo, plain | ms CPU in 10 s | **0.0** | **0.0** |
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}
