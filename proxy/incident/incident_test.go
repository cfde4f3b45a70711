package incident

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/proxy/auth"
	"usher/proxy/refusal"
	"usher/proxy/upstream"
)

var now = time.Date(2026, 11, 30, 3, 0, 0, 0, time.UTC)

func minutesAgo(n int) time.Time { return now.Add(-time.Duration(n) * time.Minute) }

// lines are what the list says, with the minutes since each began.
func lines(list []Incident) (all []string) {
	for _, i := range list {
		all = append(all, fmt.Sprintf("%s %s %v: %s", i.Kind, i.What, now.Sub(i.Since), i.Text))
	}
	return all
}

func TestStates(t *testing.T) {
	endpoint := func(name string, s upstream.State, since time.Time, last string) upstream.EndpointStats {
		return upstream.EndpointStats{Endpoint: name, State: s, Since: since, LastError: last}
	}
	one := func(held int, all ...upstream.EndpointStats) []upstream.Stats {
		return []upstream.Stats{{Name: "chat", Held: held, Endpoints: all}}
	}
	const refused = "dial 10.0.0.3:80: connection refused"
	for name, tt := range map[string]struct {
		seen Observation
		want []string
	}{
		"nothing": {Observation{Upstreams: one(0, endpoint("a", upstream.Healthy, minutesAgo(9), refused))}, nil},
		"one of two": {Observation{Upstreams: one(0, endpoint("a", upstream.Healthy, minutesAgo(9), ""), endpoint("b", upstream.CircuitOpen, minutesAgo(2), refused))},
			[]string{"endpoint_down endpoint chat b fails 2m0s: others of its upstream serve: " + refused}},
		"an operator's": {Observation{Upstreams: one(0, endpoint("a", upstream.Healthy, minutesAgo(9), ""), endpoint("b", upstream.Disabled, minutesAgo(2), refused))}, nil},
		"both": {Observation{Upstreams: one(0, endpoint("a", upstream.Unhealthy, minutesAgo(9), "old"), endpoint("b", upstream.CircuitOpen, minutesAgo(2), refused))},
			[]string{"upstream_down upstream chat is down 2m0s: new clients are refused: " + refused}},
		"its checks fail later": {Observation{Upstreams: one(0, upstream.EndpointStats{State: upstream.Unhealthy, Since: minutesAgo(2), Down: minutesAgo(5), LastError: refused})},
			[]string{"upstream_down upstream chat is down 5m0s: new clients are refused: " + refused}},
		"who is after it": {Observation{Upstreams: append(one(1, endpoint("a", upstream.Unhealthy, minutesAgo(2), refused)), upstream.Stats{Name: "live", WaitsFor: []string{"chat"}})},
			[]string{"upstream_down upstream chat is down 2m0s: 1 request waits, live takes no sockets, being after it: " + refused}},
		"who waits": {Observation{Upstreams: one(3, endpoint("a", upstream.CircuitOpen, minutesAgo(2), "")), Waiting: map[string]int{"chat": 40, "other": 2}},
			[]string{"upstream_down upstream chat is down 2m0s: 3 requests wait, 40 clients wait for a namespace: it does not answer"}},
		"all drained": {Observation{Upstreams: one(1, endpoint("a", upstream.Disabled, minutesAgo(2), refused)), Drains: []string{"endpoint a"}},
			[]string{"upstream_down upstream chat is down 2m0s: 1 request waits: an operator has drained a", "drained endpoint a is drained 0s: no new session comes there until the same usher drain with --undo"}},
		"auth": {Observation{Outages: []auth.Outage{{Kind: "forward", URL: "http://a/", Since: minutesAgo(1), Err: errors.New("EOF")}}},
			[]string{"auth_down auth cannot be asked: forward http://a/ 1m0s: who is let in by it alone gets 503: EOF"}},
		"auth, with a key set of before": {Observation{Outages: []auth.Outage{{Kind: "jwt", URL: "http://a/", Since: minutesAgo(1), Err: errors.New("EOF"), Kept: true}}},
			[]string{"auth_down auth cannot be asked: jwt http://a/ 1m0s: the last key set counts, and tokens of newer keys are refused: EOF"}},
		"descriptors": {Observation{Descriptors: 801, MaxDescriptors: 1000}, []string{"descriptors few descriptors are left 0s: 801 of 1000 are open: at the limit new clients wait"}},
		"enough":      {Observation{Descriptors: 800, MaxDescriptors: 1000}, nil},
		"reload": {Observation{Faults: []string{"routes.yaml:1:1: a", "routes.yaml:2:1: b"}, Refused: minutesAgo(3)},
			[]string{"reload_refused the routes file was refused 3m0s: the one before is served: routes.yaml:1:1: a; routes.yaml:2:1: b"}},
		"stopping": {Observation{Stopping: true, Sessions: 7}, []string{"stopping usher stops 0s: 7 sessions are left"}},
		"certificates": {Observation{Certificates: []Cert{
			{Name: "fine", Begins: now.AddDate(0, -2, 0), Ends: now.AddDate(0, 1, 0)},
			{Name: "late", Begins: now.AddDate(0, 0, -88), Ends: now.Add(47 * time.Hour)},
			{Name: "short and fine", Begins: now.AddDate(0, 0, -4), Ends: now.AddDate(0, 0, 2)},
			{Name: "short and late", Begins: now.AddDate(0, 0, -5), Ends: now.AddDate(0, 0, 1)},
			{Name: "over", Begins: now.AddDate(0, -3, 0), Ends: minutesAgo(5)},
			{Name: "none"},
			{Name: "none"},
		}}, []string{
			"certificate certificate of late 121h0m0s: it ends in 47h0m0s, and has not been renewed",
			"certificate certificate of short and late 12h0m0s: it ends in 24h0m0s, and has not been renewed",
			"certificate certificate of over 5m0s: it has ended, and clients refuse it",
			"certificate certificate of none 0s: there is none yet, and TLS handshakes for it fail: the log says what the authority answered",
		}},
	} {
		var tr Tracker
		if got := lines(tr.Observe(now, &tt.seen)); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
		}
	}
}

// What happens ten times in a minute is an incident until it has not happened for
// one. Who goes away is none, however often.
func TestRates(t *testing.T) {
	var tr Tracker
	origin, gone := refusal.Kind{Route: "/ws", Reason: "origin"}, refusal.Kind{Reason: refusal.Gone.String()}
	var count uint64
	at := func(seconds int, more uint64, want string) {
		t.Helper()
		count += more
		o := &Observation{
			Refusals: map[refusal.Kind]uint64{origin: count, gone: 100 * count},
			TLS:      []refusal.HandshakeTotal{{Result: refusal.Secured, Count: 100 * count}, {Result: refusal.ClientGone, Count: 100 * count}},
		}
		when := now.Add(time.Duration(seconds) * time.Second)
		var got strings.Builder
		for _, i := range tr.Observe(when, o) {
			fmt.Fprintf(&got, "%s since %v: %s", i.What, i.Since.Sub(now), i.Text)
		}
		if got.String() != want {
			t.Errorf("after %d s: got %q, want %q", seconds, got.String(), want)
		}
	}
	at(0, 100, "") // of before
	at(5, 9, "")
	at(6, 1, "requests are refused: /ws origin since 6s: 10 in the last 6s")
	at(7, 0, "requests are refused: /ws origin since 6s: 10 in the last 7s")
	at(60, 1, "requests are refused: /ws origin since 6s: 11 in the last 1m0s")
	at(66, 0, "requests are refused: /ws origin since 6s: 2 in the last 1m1s")
	at(100, 0, "requests are refused: /ws origin since 6s: 2 in the last 1m35s")
	at(126, 0, "")
	at(130, 5, "")
}

// A handshake's incident says whom the last one was about.
func TestTLSRates(t *testing.T) {
	var tr Tracker
	failed := func(n uint64) *Observation {
		return &Observation{TLS: []refusal.HandshakeTotal{{Result: refusal.NoCertificate, Count: n, Name: "shop\x1b.example"}}}
	}
	tr.Observe(now, failed(0))
	got := lines(tr.Observe(now.Add(time.Minute), failed(12)))
	if want := `tls_fails TLS handshakes fail: no_certificate -1m0s: 12 in the last 1m0s, the last for "shop\x1b.example"`; len(got) != 1 || got[0] != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What begins when it is first seen keeps its beginning, and begins anew behind a
// pause.
func TestSince(t *testing.T) {
	var tr Tracker
	for i, tt := range []struct {
		drains []string
		since  time.Duration
	}{{[]string{"a"}, 0}, {[]string{"a"}, 0}, {nil, 0}, {[]string{"a"}, 3 * time.Second}} {
		got := tr.Observe(now.Add(time.Duration(i)*time.Second), &Observation{Drains: tt.drains})
		if len(got) != len(tt.drains) || len(got) > 0 && got[0].Since.Sub(now) != tt.since {
			t.Errorf("%d: got %+v, want it since %v", i, got, tt.since)
		}
	}
}
