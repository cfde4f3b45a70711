package proxy_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

// A trusted peer says which trace a handshake belongs to and whether it is
// recorded; anybody else's is no more than linked.
func TestWhoseTrace(t *testing.T) {
	unsampled := strings.TrimSuffix(theirParent, "01") + "00"
	for name, tt := range map[string]struct {
		trusted    string
		sample     string
		said       http.Header
		handshakes int
		child      bool
	}{
		"trusted":                 {"127.0.0.1", "0", http.Header{"Traceparent": {theirParent}, "Tracestate": {"a=1"}}, 1, true},
		"trusted, two states":     {"127.0.0.1", "1", http.Header{"Traceparent": {theirParent}, "Tracestate": {"a=1", "b=2"}}, 1, true},
		"trusted, not recorded":   {"127.0.0.1", "1", http.Header{"Traceparent": {unsampled}}, 0, true},
		"trusted, twice":          {"127.0.0.1", "1", http.Header{"Traceparent": {theirParent, theirParent}}, 1, false},
		"trusted, wrong":          {"127.0.0.1", "1", http.Header{"Traceparent": {"00-x"}}, 1, false},
		"stranger":                {"10.0.0.1", "1", http.Header{"Traceparent": {theirParent}, "Tracestate": {"token=hunter2"}}, 1, false},
		"stranger, not recorded":  {"10.0.0.1", "0", http.Header{"Traceparent": {theirParent}}, 0, false},
		"stranger, by Connection": {"10.0.0.1", "1", http.Header{"Traceparent": {theirParent}, "Connection": {"Traceparent, Tracestate"}}, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			to, seen := newTestCollector(t), new(heads)
			up := newTestBackend(t, seen.keeping(echo))
			b := newTestBroker(t, fmt.Sprintf("trusted_proxies: %s\n", tt.trusted)+to.tracing(", sample: "+tt.sample)+oneRoute(up.URL))
			head := tt.said.Clone()
			head.Set("Baggage", "kept=1")
			request := upgradeHead
			for name, values := range head {
				for _, v := range values {
					request = strings.Replace(request, "Upgrade: w", name+": "+v+"\r\nUpgrade: w", 1)
				}
			}
			c := dialRaw(t, b.address)
			fmt.Fprint(c, request)
			readHead(t, c)
			c.Close()
			b.wantSessions(t, 0)
			hs, as := to.wantSpans(t, b, tt.handshakes, tt.handshakes)
			got := seen.all()[0]
			if lines := got["Traceparent"]; len(lines) != 1 || strings.Contains(lines[0], theirTrace) != tt.child || strings.Contains(lines[0], theirSpan) {
				t.Errorf("traceparent: got %q, want one of usher's own, in their trace: %t", lines, tt.child)
			}
			if flags := got.Get("Traceparent")[53:]; (flags == "01") != (tt.handshakes == 1) {
				t.Errorf("traceparent: got flags %s, want it recorded: %t", flags, tt.handshakes == 1)
			}
			if state, want := got.Get("Tracestate"), strings.Join(tt.said["Tracestate"], ","); tt.child && state != want || !tt.child && state != "" {
				t.Errorf("tracestate: got %q", state)
			}
			if got.Get("Baggage") != "kept=1" {
				t.Errorf("baggage: got %q, want it untouched", got.Get("Baggage"))
			}
			if tt.handshakes == 0 {
				return
			}
			as[0].wantTold(t, got)
			as[0].wantParent(t, hs[0])
			valid := len(tt.said["Traceparent"]) == 1 && len(tt.said.Get("Traceparent")) > 50
			if linked := hs[0].link == theirTrace; linked != (valid && !tt.child) {
				t.Errorf("link: got %q", hs[0].link)
			}
			if tt.child && hs[0].parent != theirSpan || !tt.child && hs[0].parent != "" {
				t.Errorf("parent: got %q", hs[0].parent)
			}
		})
	}
}

// The trace's id decides which handshakes are recorded, and upstreams are told.
func TestTraceSample(t *testing.T) {
	to, seen := newTestCollector(t), new(heads)
	up := newTestBackend(t, seen.keeping(echo))
	b := newTestBroker(t, to.tracing(", sample: 0.5")+oneRoute(up.URL))
	const n = 60
	for range n {
		c, _ := b.dial(t, "/", nil)
		c.Close()
	}
	b.wantSessions(t, 0)
	want := make(map[string]bool)
	for _, h := range seen.all() {
		p := h.Get("Traceparent")
		low, err := strconv.ParseUint(p[19:35], 16, 64)
		if err != nil {
			t.Fatalf("traceparent %q: %v", p, err)
		}
		recorded := low>>1 < 1<<62 // the lower half of all ids, as in every other SDK
		if recorded {
			want[p[3:35]] = true
		}
		if (p[53:] == "01") != recorded {
			t.Errorf("traceparent %q: want it recorded: %t", p, recorded)
		}
	}
	if len(want) == 0 || len(want) == n {
		t.Fatalf("got %d of %d recorded, want about half", len(want), n)
	}
	hs, _ := to.wantSpans(t, b, len(want), len(want))
	for _, h := range hs {
		if !want[h.trace] {
			t.Errorf("got trace %s, which is not to be recorded", h.trace)
		}
	}
}

// Without tracing, and for plain requests anyway, the headers are the client's.
func TestTraceHeadersPass(t *testing.T) {
	said := http.Header{"Traceparent": {"anything"}, "Tracestate": {"a=1", "b=2"}, "Baggage": {"c=3"}}
	for _, on := range []bool{false, true} {
		to, seen := newTestCollector(t), new(heads)
		up := newTestBackend(t, seen.keeping(func(w http.ResponseWriter, r *http.Request) {
			if websocket.IsWebSocketUpgrade(r) {
				echo(w, r)
			}
		}))
		text := oneRoute(up.URL)
		if on {
			text = to.tracing("") + text
		}
		b := newTestBroker(t, text)
		r := mustRequest(t, "GET", "http://"+b.address+"/page", nil)
		r.Header = said.Clone()
		r.Close = true
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if !on {
			c, _ := b.dial(t, "/", said)
			c.Close()
			b.wantSessions(t, 0)
		}
		to.wantSpans(t, b, 0, 0)
		for _, got := range seen.all() {
			for name, want := range said {
				if fmt.Sprint(got[name]) != fmt.Sprint(want) {
					t.Errorf("%s with tracing %t: got %q, want %q", name, on, got[name], want)
				}
			}
		}
	}
}
