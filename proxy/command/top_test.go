package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/proxy/admin"
)

// testSamples are two looks at an usher, two seconds apart.
func testSamples() (before, now topSample) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local)
	counts := func(open int, opened, messages, bytes uint64) admin.Counts {
		return admin.Counts{
			Open: open, Opened: opened, FromClient: admin.Traffic{Messages: messages, Bytes: bytes}, FromUpstream: admin.Traffic{Messages: 2 * messages, Bytes: 2 * bytes},
			Handshake: admin.Latency{Count: opened, Sum: float64(opened) * 0.004},
		}
	}
	look := func(n uint64) topSample {
		s := topSample{at: at.Add(time.Duration(2*n) * time.Second)}
		s.status = admin.Status{
			Version: "usher 1.0", Phase: admin.Serving, Ready: true, Uptime: 3700,
			Sessions: counts(12, 100+6*n, 1000*n, 2048*n), Handshakes: admin.Claims{Refusals: map[string]uint64{"no_route": 5 + n, "origin": 1}},
			Routes: []admin.Route{
				{Route: "/a", Upstream: "main", Counts: counts(2, 10, 10*n, 9000*n), Requests: admin.Requests{Total: 100 * n, Failed: 3 * n}},
				{Route: "/b", Upstream: "chat", Counts: counts(10, 90, 100*n, 600*n), Drained: true},
			},
			Upstreams: []admin.Upstream{
				{Upstream: "main", Endpoints: []admin.Endpoint{{State: "healthy", Open: 2}}, Counts: counts(2, 10, 10*n, 9000*n)},
				{Upstream: "chat", Endpoints: []admin.Endpoint{{State: "healthy", Open: 10}, {State: "down", Unanswered: 1, Declined: 2, DialFailures: map[string]uint64{"refused": 1}}}, Counts: counts(10, 90, 100*n, 600*n)},
			},
		}
		s.sessions = admin.SessionPage{Total: 2000, Sessions: []admin.Session{
			{ID: "young", Route: "/a", Client: "10.0.0.1", Age: 5, Idle: 1, FromClient: admin.Traffic{Messages: 20 * n, Bytes: 100 * n}},
			{ID: "old\x1b[2J", Route: "/b", Client: "10.0.0.2", Age: 500, FromClient: admin.Traffic{Messages: 2 * n, Bytes: 4000 * n}},
		}}
		return s
	}
	return look(0), look(1)
}

func newTestView() *topView {
	before, now := testSamples()
	return &topView{before: before, now: now, table: topRoutes, order: byMessages}
}

// TestTopOfNamespaces counts the legs of sessions that have no upstream of their
// own.
func TestTopOfNamespaces(t *testing.T) {
	routes := []admin.Route{{Route: "/socket.io", Counts: admin.Counts{Open: 3}}}
	if rows := topRouteRows(nil, routes, 1); rows[0].cells[1] != byNamespace {
		t.Errorf("upstream of a route with namespaces: got %q, want %q", rows[0].cells[1], byNamespace)
	}
	upstreams := []admin.Upstream{{Upstream: "chat", Endpoints: []admin.Endpoint{{State: "healthy", Open: 3}, {State: "unchecked", Open: 2}}, Counts: admin.Counts{Open: 2}}}
	if rows := topUpstreamRows(nil, upstreams, 1); rows[0].cells[2] != "5" || rows[0].open != 5 {
		t.Errorf("open at an upstream: got %q, sorted by %d, want its sessions and legs, 5", rows[0].cells[2], rows[0].open)
	} else if rows[0].cells[1] != "2 healthy" {
		t.Errorf("state: got %q, want no alarm at an endpoint that nobody has asked", rows[0].cells[1])
	}
}

func TestTopRender(t *testing.T) {
	v := newTestView()
	want := []string{
		"usher 1.0  serving  up 1h01m  03:04:07",
		"sessions  12 open  3.0/s opened  handshake 4.0 ms  7 refused (0.5/s)",
		"messages  500/s in  1000/s out   bytes  1.0 KiB/s in  2.0 KiB/s out",
		"",
		"ROUTE         UPSTREAM  OPEN  OPENED/S  MSG/S   BYTES/S  HANDSHAKE  REQ/S  5XX/S",
		"/b (drained)  chat        10       0.0    150     900 B          -    0.0    0.0",
		"/a            main         2       0.0     15  13.2 KiB          -   50.0    1.5",
		"",
	}
	got := v.render(80, 24)
	if len(got) != 24 || !slices.Equal(got[:8], want) || !strings.HasPrefix(got[23], "r routes s sessions") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// names returns the first words of the rows that are shown.
func names(v *topView, width, height int) string {
	var list []string
	for _, line := range v.render(width, height)[topHeads+1 : height-1] {
		if line != "" {
			list = append(list, strings.Fields(line)[0])
		}
	}
	return strings.Join(list, " ")
}

func TestTopKeys(t *testing.T) {
	v := newTestView()
	for _, tt := range []struct {
		keys, want string
	}{
		{"", "/b /a"}, {"b", "/a /b"}, {"o", "/b /a"},
		{"u", "chat main"}, {"b", "main chat"},
		{"s", "old young"}, {"m", "young old"}, {"a", "old young"}, {"x\x1b[Z\x1b", "old young"},
		{"rm", "/b /a"},
	} {
		for _, k := range readKeys([]byte(tt.keys)) {
			if v.press(k, 10) {
				t.Errorf("%q: it ends", tt.keys)
			}
		}
		if got := names(v, 80, 24); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.keys, got, tt.want)
		}
	}
	for _, key := range []string{"q", "Q", "\x03", "\x04"} {
		if keys := readKeys([]byte(key)); len(keys) != 1 || !v.press(keys[0], 10) {
			t.Errorf("%q: it goes on", key)
		}
	}
}

func TestTopScroll(t *testing.T) {
	v := newTestView()
	v.now.status.Routes = nil
	for i := range 30 {
		v.now.status.Routes = append(v.now.status.Routes, admin.Route{Route: fmt.Sprintf("/%02d", i)})
	}
	for _, tt := range []struct{ keys, want string }{
		{"", "/00 /01 /02 /03"}, {"j", "/01 /02 /03 /04"}, {"\x1b[B\x1bOB", "/03 /04 /05 /06"},
		{"k", "/02 /03 /04 /05"}, {"\x1b[6~", "/06 /07 /08 /09"}, {"\x1b[5~\x1b[A", "/01 /02 /03 /04"},
		{"kkkkk", "/00 /01 /02 /03"}, {strings.Repeat(" ", 9), "/26 /27 /28 /29"}, {"k", "/25 /26 /27 /28"}, {"g", "/00 /01 /02 /03"},
	} {
		for _, k := range readKeys([]byte(tt.keys)) {
			v.press(k, 4)
		}
		if got := names(v, 80, 4+topFrame); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.keys, got, tt.want)
		}
	}
	if last := v.render(80, 4+topFrame)[3+topFrame]; !strings.HasSuffix(last, "  1-4 of 30") {
		t.Errorf("last line: got %q, want the place in the table", last)
	}
}

// TestTopSizes wants every screen within its size, for all tables.
func TestTopSizes(t *testing.T) {
	for _, table := range []topTable{topRoutes, topUsers, topUpstreams} {
		for width := range 120 {
			for height := range 30 {
				v := newTestView()
				v.table = table
				lines := v.render(width, height)
				if len(lines) > height {
					t.Fatalf("%c, %d by %d: got %d lines", table, width, height, len(lines))
				}
				for _, line := range lines {
					if len(line) > width {
						t.Fatalf("%c, %d by %d: got %q", table, width, height, line)
					}
				}
			}
		}
	}
}

// TestTopPace wants nothing made up where what was counted starts again.
func TestTopPace(t *testing.T) {
	before, now := testSamples()
	if p := newPace(now.status.Sessions, before.status.Sessions, 1); p != (pace{}) {
		t.Errorf("another process: got %+v, want nothing", p)
	}
	if p := newPace(before.status.Sessions, now.status.Sessions, 0); p != (pace{}) {
		t.Errorf("no time: got %+v, want nothing", p)
	}
	if r := rate(5, 3, 1); r != 0 {
		t.Errorf("fewer than before: got %d, want 0", r)
	}
}

// screen is what was written to a terminal.
type screen struct {
	mu   sync.Mutex
	text strings.Builder
	seen chan struct{} // has one when something was written
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.seen <- struct{}{}:
	default:
	}
	return s.text.Write(p)
}

// await waits until text was written.
func (s *screen) await(t *testing.T, text string) {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		s.mu.Lock()
		found := strings.Contains(s.text.String(), text)
		s.mu.Unlock()
		if found {
			return
		}
		select {
		case <-s.seen:
		case <-late:
			t.Fatalf("got %q, want %q", s.text.String(), text)
		}
	}
}

// TestTopRuns presses keys, and takes usher away and back.
func TestTopRuns(t *testing.T) {
	var gone sync.Map
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(admin.APIHeader, "v1")
		if _, ok := gone.Load("gone"); ok {
			w.WriteHeader(http.StatusServiceUnavailable)
			io.WriteString(w, `{"error": "not now"}`)
			return
		}
		if strings.HasPrefix(r.URL.Path, "/v1/sessions") {
			io.WriteString(w, `{"sessions": [{"id": "one"}], "total": 1}`)
			return
		}
		io.WriteString(w, `{"version": "usher 1", "phase": "serving", "ready": true, "routes": [{"route": "/a"}]}`)
	}))
	defer server.Close()
	c, err := OperatorOptions{Routes: "none.yaml", Admin: server.Listener.Addr().String()}.connect()
	if err != nil {
		t.Fatal(err)
	}
	defer c.client.CloseIdleConnections()
	first, err := sampleTop(t.Context(), c, false)
	if err != nil {
		t.Fatal(err)
	}
	out := &screen{seen: make(chan struct{}, 1)}
	tp := newTop(c, first, out)
	tp.size = func() (int, int, error) { return 0, 0, errors.New("no terminal") }
	in, typed := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go tp.read(ctx, in)
	done := make(chan error, 1)
	go func() { done <- tp.run(ctx) }()
	out.await(t, "/a")
	io.WriteString(typed, "s")
	out.await(t, "one")
	gone.Store("gone", true)
	out.await(t, "NO ANSWER: not now")
	io.WriteString(typed, "q")
	if err := <-done; err != nil {
		t.Errorf("after q: got %v, want nil", err)
	}
	typed.Close()
}

// TestTopPanics wants a panic of a sample where the terminal is given back.
func TestTopPanics(t *testing.T) {
	tp := newTop(nil, topSample{}, io.Discard)
	go tp.sample(t.Context(), false) // of no operator
	defer func() {
		if recover() == nil {
			t.Error("got no panic, want that of the sample")
		}
	}()
	tp.take(<-tp.answer)
}
