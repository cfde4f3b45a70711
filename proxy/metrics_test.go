package proxy_test

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"usher/proxy/config"
)

// scrape returns the metrics of usher by their name and labels, as they are
// written.
func scrape(t *testing.T, o *operator) map[string]float64 {
	t.Helper()
	status, text := o.do(t, http.MethodGet, "/metrics", nil)
	if status != http.StatusOK {
		t.Fatalf("metrics: got %d %s, want 200", status, text)
	}
	found := make(map[string]float64)
	for line := range strings.Lines(string(text)) {
		i := strings.LastIndexByte(line, ' ')
		if !strings.HasPrefix(line, "usher_") {
			continue
		}
		value, err := strconv.ParseFloat(strings.TrimSpace(line[i:]), 64)
		if err != nil {
			t.Fatalf("metric %q: %v", line, err)
		}
		found[line[:i]] = value
	}
	return found
}

// TestMetricsCount checks each metric against traffic of known shape.
func TestMetricsCount(t *testing.T) {
	up := newTestBackend(t, echo)
	file := filepath.Join(t.TempDir(), "routes.yaml")
	text := "listen: 127.0.0.1:0\n" + fmt.Sprintf(adminFile, up.URL)
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(text)
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	b := runWatchingBroker(t, cfg)
	o := b.operator(t)

	// 7 sessions on /a with 3 messages of 5 bytes each, of which 4 stay; 2 on
	// /m with a message each, of which 1 stays.
	for i := range 7 {
		c, _ := b.dial(t, "/a", nil)
		for range 3 {
			wantEcho(t, c, websocket.BinaryMessage, []byte("hello"))
		}
		switch i {
		case 0:
			c.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""))
			wantClosed(t, c, 1000)
		case 1:
			c.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(4711, ""))
			wantClosed(t, c, 4711)
		case 2:
			c.Close() // without a Close frame
		}
	}
	for i := range 2 {
		c, _ := b.dial(t, "/m", nil)
		wantEcho(t, c, websocket.BinaryMessage, []byte("hello"))
		if i == 0 {
			c.Close()
		}
	}
	b.wantSessions(t, 5)
	for range 3 {
		b.wantRefused(t, "/none", http.StatusNotFound)
	}
	if err := b.ReloadFile(); err != nil {
		t.Fatal(err)
	}
	write("routes: [")
	if b.ReloadFile() == nil {
		t.Fatal("reload of a bad file: got no error")
	}

	got := scrape(t, o)
	const a, m = `route="/a",upstream="main"`, `route="/m",upstream="other"`
	endpoint := func(upstream string) string { return fmt.Sprintf(`{endpoint=%q,upstream=%q}`, up.URL, upstream) }
	for name, want := range map[string]float64{
		"usher_sessions_open{" + a + "}":                                              4,
		"usher_sessions_open{" + m + "}":                                              1,
		"usher_sessions_opened_total{" + a + "}":                                      7,
		"usher_sessions_opened_total{" + m + "}":                                      2,
		`usher_session_ends_total{cause="client.closed",close_code="1000",` + a + "}": 1,
		`usher_session_ends_total{cause="client.closed",close_code="4xxx",` + a + "}": 1,
		`usher_session_ends_total{cause="client.lost",close_code="1001",` + a + "}":   1,
		`usher_session_ends_total{cause="client.lost",close_code="1001",` + m + "}":   1,
		`usher_messages_total{direction="from_client",` + a + "}":                     21,
		`usher_messages_total{direction="from_upstream",` + a + "}":                   21,
		`usher_messages_total{direction="from_client",` + m + "}":                     2,
		`usher_messages_total{direction="from_upstream",` + m + "}":                   2,
		// A message of 5 bytes is a frame of 11 from a client, of 7 from a
		// server; the three Close frames are the clients' two and the answers.
		`usher_bytes_total{direction="from_client",` + a + "}":   21*11 + 8 + 8,
		`usher_bytes_total{direction="from_upstream",` + a + "}": 21*7 + 4 + 4 + 4,
		"usher_handshake_seconds_count{" + a + "}":               7,
		"usher_handshake_seconds_count{" + m + "}":               2,
		"usher_dial_seconds_count{" + a + "}":                    7,
		`usher_handshake_seconds_bucket{` + a + `,le="+Inf"}`:    7,
		"usher_claims_total":                                     9,
		"usher_duplicate_claims_total":                           0,
		"usher_duplicate_ends_total":                             0,
		`usher_refusals_total{reason="no_route",route=""}`:       3,
		`usher_refusals_total{reason="origin",route=""}`:         0,
		"usher_paused_legs":                                      0,
		"usher_ready":                                            1,
		"usher_endpoint_usable" + endpoint("main"):               1,
		"usher_endpoint_sessions" + endpoint("main"):             4,
		"usher_endpoint_sessions" + endpoint("other"):            1,
		"usher_endpoint_dials_total" + endpoint("main"):          7,
		"usher_endpoint_dials_total" + endpoint("other"):         2,
		`usher_reloads_total{result="done"}`:                     1,
		`usher_reloads_total{result="refused"}`:                  1,
		"usher_reload_last_successful":                           0,
	} {
		if have, ok := got[name]; !ok || have != want {
			t.Errorf("%s: got %v (there: %t), want %v", name, have, ok, want)
		}
	}
	loops := 0.0
	for name, value := range got {
		if strings.HasPrefix(name, "usher_loop_sessions{") {
			loops += value
		}
	}
	if loops != 4 {
		t.Errorf("sessions of all loops: got %v, want 4", loops)
	}
}

var incidents = regexp.MustCompile(`^usher_incident\{kind="refuses",name="(/a/? origin|origin|no_route)"\}$`)

// TestMetricsTellNothing is row 28 of the attacks that usher answers: what
// clients send is in no metric and in no log, and does not make new series.
func TestMetricsTellNothing(t *testing.T) {
	up := newTestBackend(t, echo)
	b := newTestBroker(t, fmt.Sprintf(adminFile, up.URL))
	o := b.operator(t)
	visit := func(n int) {
		secret := fmt.Sprintf("hunter%d", n)
		head := http.Header{"Cookie": {"session=" + secret}, "Authorization": {"Bearer " + secret}, "X-Request-Id": {secret}, "X-User-Id": {secret}, "X-Forwarded-For": {fmt.Sprintf("10.9.8.%d", n)}}
		c, _ := b.dial(t, "/a/"+"?token="+secret, head)
		wantEcho(t, c, websocket.TextMessage, []byte(secret))
		c.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(3000+n, secret))
		wantClosed(t, c, 3000+n)
		b.wantRefused(t, "/none?token="+secret, http.StatusNotFound)
		head.Set("Origin", fmt.Sprintf("https://o%d.example", n))
		if c, _, err := websocket.DefaultDialer.Dial("ws://"+b.address+"/a?token="+secret, head); err == nil {
			c.Close()
			t.Fatal("another origin: got a session")
		}
	}
	visit(0)
	b.wantSessions(t, 0)
	series := func() map[string]float64 {
		all := scrape(t, o)
		// An incident has its series while it lasts. Its name is a route's, and a reason.
		maps.DeleteFunc(all, func(name string, _ float64) bool { return incidents.MatchString(name) })
		return all
	}
	before := series()
	for n := range 20 {
		visit(n)
	}
	b.wantSessions(t, 0)
	after := series()
	if len(after) != len(before) {
		t.Errorf("series: got %d after further clients, want %d as before", len(after), len(before))
	}
	_, text := o.do(t, http.MethodGet, "/metrics", nil)
	for _, all := range []string{"/v1/status", "/v1/sessions/ended"} {
		_, more := o.do(t, http.MethodGet, all, nil)
		text = append(text, more...)
	}
	text = append(text, b.log.String()...)
	if found := regexp.MustCompile(`.*(hunter|10\.9\.8\.).*`).Find(text); found != nil {
		t.Errorf("got a secret: %s", found)
	}
}

func TestMetricsLint(t *testing.T) {
	up := newTestBackend(t, echo)
	b := newTestBroker(t, fmt.Sprintf(adminFile, up.URL))
	c, _ := b.dial(t, "/a", nil)
	wantEcho(t, c, websocket.TextMessage, []byte("hello"))
	c.Close()
	b.wantSessions(t, 0)
	wantLint(t, b.operator(t))
}

// wantLint has promtool's rules over the metrics.
func wantLint(t *testing.T, o *operator) {
	t.Helper()
	_, text := o.do(t, http.MethodGet, "/metrics", nil)
	problems, err := promlint.New(bytes.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	for _, want := range []string{"usher_sessions_open", "go_goroutines", "process_open_fds"} {
		if !bytes.Contains(text, []byte("# HELP "+want+" ")) {
			t.Errorf("got no %s", want)
		}
	}
}
