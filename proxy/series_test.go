package proxy_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"usher/proxy/upstream"
)

// TestMetricsOfEndpoints checks what is counted of endpoints that are not well.
func TestMetricsOfEndpoints(t *testing.T) {
	good, gone := newSick(t), httptest.NewServer(nil)
	gone.Close()
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mute.Close() })
	go hangUp(mute)
	full := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "full", http.StatusServiceUnavailable) }))
	t.Cleanup(full.Close)
	silent := "http://" + mute.Addr().String()
	b := newTestBroker(t, fmt.Sprintf(`admin: 127.0.0.1:0
upstreams:
  good: {endpoints: %q, check: {path: /healthz, every: 1h, healthy: 1}}
  gone: {endpoints: %q, hold: 0.1s}
  mute: {endpoints: %q, hold: 0}
  full: %q
routes:
  - {path: /good, upstream: good}
  - {path: /gone, upstream: gone}
  - {path: /mute, upstream: mute}
  - {path: /full, upstream: full}
`, good.URL, gone.URL, silent, full.URL))
	wantSoon(t, "checked", upstream.Healthy, func() upstream.State { return b.Stats().Upstreams[2].Endpoints[0].State })
	for range 2 {
		b.wantRefused(t, "/gone", http.StatusBadGateway)
	}
	b.wantRefused(t, "/mute", http.StatusBadGateway)
	b.wantRefused(t, "/full", http.StatusServiceUnavailable)
	b.wantRefused(t, "/full", http.StatusServiceUnavailable)
	b.dial(t, "/good", nil)
	before := time.Now()

	got := scrape(t, b.operator(t))
	at := func(name, url, upstream, label string) string {
		return fmt.Sprintf("usher_endpoint_%s{endpoint=%q,%supstream=%q}", name, url, label, upstream)
	}
	for name, want := range map[string]float64{
		at("dial_failures_total", gone.URL, "gone", `kind="refused",`): 2,
		at("dial_failures_total", gone.URL, "gone", `kind="timeout",`): 0,
		at("dial_failures_total", good.URL, "good", `kind="refused",`): 0,
		at("checks_total", good.URL, "good", `result="passed",`):       float64(good.checked.Load()),
		at("checks_total", good.URL, "good", `result="failed",`):       0,
		at("sessions", good.URL, "good", ""):                           1,
		at("requests", good.URL, "good", ""):                           0,
		at("usable", good.URL, "good", ""):                             1,
		at("state", good.URL, "good", `state="healthy",`):              1,
		at("unanswered_total", silent, "mute", ""):                     1,
		at("unanswered_total", full.URL, "full", ""):                   0,
		at("declined_total", full.URL, "full", ""):                     2,
		at("declined_total", good.URL, "good", ""):                     0,
		at("dials_total", silent, "mute", ""):                          1,
		at("dials_total", gone.URL, "gone", ""):                        0,
		`usher_refusals_total{reason="dial",route="/gone"}`:            2,
		`usher_refusals_total{reason="answer",route="/mute"}`:          1,
		`usher_held{upstream="gone"}`:                                  0,
		`usher_held_seconds_count{upstream="gone"}`:                    1,
		`usher_held_seconds_count{upstream="good"}`:                    0,
		`usher_reload_last_successful`:                                 1,
	} {
		if have, ok := got[name]; !ok || have != want {
			t.Errorf("%s: got %v (there: %t), want %v", name, have, ok, want)
		}
	}
	if read := got["usher_reload_last_success_timestamp_seconds"]; read <= 0 || read > float64(before.Unix())+1 {
		t.Errorf("when the file was read: got %v", read)
	}
	if lag, ok := got[`usher_loop_lag_seconds{loop="0"}`]; !ok || lag <= 0 || lag > patience.Seconds() {
		t.Errorf("lag of the first loop: got %v (there: %t)", lag, ok)
	}
}

// hangUp accepts connections and closes them once something has come.
func hangUp(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		c.Read(make([]byte, 1))
		c.Close()
	}
}

// Row 28 of the attacks: a thousand odd paths, Origins, close codes, sids and
// namespaces make no series, but for the two incidents that they are: a route and
// a reason from the table of them.
func TestSeriesAreBounded(t *testing.T) {
	main, back := newTestService(t, "main"), newTestService(t, "admin")
	up := newTestBackend(t, echo)
	text := strings.Replace(split(main, back, "max_connects: 100000"), "routes:\n", "routes:\n  - {path: /plain, upstream: plain}\n", 1)
	b := newTestBroker(t, "admin: 127.0.0.1:0\n"+strings.Replace(text, "upstreams: {", fmt.Sprintf("upstreams: {plain: %q, ", up.URL), 1))
	o := b.operator(t)
	odd := func(from, to int) {
		c := b.joined(t, "", "/admin,")
		for n := from; n < to; n++ {
			send(t, c, fmt.Sprintf("40/n%d,", n))
			wantText(t, c, fmt.Sprintf(`44/n%d,{"message":"Invalid namespace"}`, n))
			code := 3000 + n
			x, _ := b.dial(t, fmt.Sprintf("/plain/%d?q=%d", n, n), nil)
			x.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(code, "bye"))
			wantClosed(t, x, code)
		}
		c.Close()
		b.wantSessions(t, 0)
		p := b.newPoller(t, "")
		root := p.url
		for n := from; n < to; n++ {
			p.url, p.query = root+fmt.Sprintf("x%d", n), fmt.Sprintf("EIO=%d&transport=t%d", n, n)
			if status, body, _ := p.ask(t.Context(), "GET", "", "Origin", fmt.Sprintf("https://o%d.example", n)); status != http.StatusForbidden {
				t.Fatalf("another Origin: got %d %q, want 403", status, body)
			}
			p.url, p.query = root, polling4+fmt.Sprintf("&sid=s%d", n)
			p.want("GET", "", http.StatusBadRequest, unknownSID)
		}
	}
	odd(0, 1) // both kinds of close codes: 3xxx and 4xxx
	odd(1000, 1001)
	before := scrape(t, o)
	odd(1, 1001)
	after := scrape(t, o)
	incidents := []string{`usher_incident{kind="refuses",name="/socket.io engine_io"}`, `usher_incident{kind="refuses",name="/socket.io origin"}`}
	for name := range after {
		if _, ok := before[name]; !ok && !slices.Contains(incidents, name) {
			t.Errorf("got a new series: %s", name)
		}
	}
	const unknown = `usher_refusals_total{reason="engine_io",route="/socket.io"}`
	if got := after[unknown] - before[unknown]; got != 1000 {
		t.Errorf("unknown sids: got %v counted, want 1000", got)
	}
	if got := after["usher_namespaces_refused_total"] - before["usher_namespaces_refused_total"]; got != 1000 {
		t.Errorf("unknown namespaces: got %v counted, want 1000", got)
	}
}

// TestMetricsOfCertificates checks the one of a listener, which ends in an hour.
func TestMetricsOfCertificates(t *testing.T) {
	up := newTestBackend(t, echo)
	b, _ := newTestTLSBrokerOf(t, "admin: 127.0.0.1:0\n"+oneRoute(up.URL))
	got := scrape(t, b.operator(t))
	left := got[`usher_certificate_left_seconds{name="test"}`]
	if left <= 3000 || left > 3600 {
		t.Errorf("left: got %v, want about an hour, in %v", left, got)
	}
	end := got[`usher_certificate_not_after_timestamp_seconds{name="test"}`]
	if over := end - float64(time.Now().Unix()); over > 3600 || over < 3000 {
		t.Errorf("end: got %v, want about an hour from now", end)
	}
}

// TestMetricsOfLostLegs checks what is counted when an upstream crashes and is
// there again.
func TestMetricsOfLostLegs(t *testing.T) {
	main, back := newTestService(t, "main"), newTestService(t, "admin")
	b := newTestBroker(t, "admin: 127.0.0.1:0\n"+split(main, back, "on_loss: {admin: reconnect}"))
	b.joined(t, "", "/admin,")
	b.joined(t, "")
	back.cut()
	wantSoon(t, "legs dialled again", 1, func() uint64 { return b.Stats().Namespaces.Redials })
	wantSoon(t, "legs opened again", 2, func() uint64 { return b.Stats().Namespaces.Legs["admin"].Opened })
	o := b.operator(t)
	wantSoon(t, "open legs", 1, func() float64 { return scrape(t, o)[`usher_legs_open{upstream="admin"}`] })
	got := scrape(t, o)
	for name, want := range map[string]float64{
		"usher_leg_redials_total":                            1,
		"usher_leg_retries_total":                            1,
		"usher_namespaces_held_total":                        3, // each waited for its first leg
		"usher_namespaces_held_long_total":                   0,
		"usher_paused_legs":                                  0,
		`usher_namespaces_open{upstream="admin"}`:            1,
		`usher_namespaces_open{upstream="main"}`:             2,
		`usher_legs_open{upstream="main"}`:                   2,
		`usher_legs_total{result="opened",upstream="admin"}`: 2,
		`usher_legs_total{result="failed",upstream="admin"}`: 0,
		`usher_leg_seconds_count{upstream="admin"}`:          2,
	} {
		if have, ok := got[name]; !ok || have != want {
			t.Errorf("%s: got %v (there: %t), want %v", name, have, ok, want)
		}
	}
}

// cut ends all WebSockets without a word; new ones are welcome.
func (b *backend) cut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.hijacked {
		c.Close()
	}
	b.hijacked = nil
}
