package admin

import (
	"strings"

	"usher/proxy/plain"
	"usher/proxy/session"
)

// Requests are the plain requests under a route, or all, since the process began.
type Requests struct {
	Total  uint64  `json:"total"`
	Failed uint64  `json:"failed"` // with a status 5xx
	P50    float64 `json:"p50_s"`  // until the head of the answer; half of them took no longer
	P99    float64 `json:"p99_s"`
}

// sumRequests adds up the totals that fit.
func sumRequests(totals []plain.Totals, fits func(plain.Totals) bool) (r Requests) {
	var times session.Histogram
	for _, t := range totals {
		if !fits(t) {
			continue
		}
		times.Add(t.Head)
		for _, a := range t.Answers {
			if r.Total += a.Count; strings.HasPrefix(a.Status, "5") {
				r.Failed += a.Count
			}
		}
	}
	r.P50, r.P99 = times.Quantile(0.5).Seconds(), times.Quantile(0.99).Seconds()
	return r
}
