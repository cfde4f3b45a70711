package proxy_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"usher/proxy/admin"
	"usher/proxy/config"
)

// wantRefused wants no session at path, but the given status.
func (b *broker) wantRefused(t *testing.T, path string, status int) http.Header {
	t.Helper()
	d := websocket.Dialer{HandshakeTimeout: patience}
	c, resp, err := d.Dial("ws://"+b.address+path, nil)
	if err == nil {
		c.Close()
		t.Fatalf("dial %s: got a session, want %d", path, status)
	}
	if resp == nil || resp.StatusCode != status {
		t.Fatalf("dial %s: got %v, %v, want %d", path, resp, err, status)
	}
	return resp.Header
}

// wantOpen checks that a session still answers.
func wantOpen(t *testing.T, c *websocket.Conn) {
	t.Helper()
	wantEcho(t, c, websocket.TextMessage, []byte("still there"))
}

// TestLogOut closes the sessions of one user, on both relays and every route,
// and no other.
func TestLogOut(t *testing.T) {
	up := newTestBackend(t, echo)
	b := newTestBroker(t, fmt.Sprintf(adminFile, up.URL))
	o := b.operator(t)
	users := make(map[string][]*websocket.Conn)
	for i := range 12 {
		user := []string{"alice", "bob"}[i%2]
		c, _ := b.dial(t, []string{"/a", "/b", "/m"}[i%3], http.Header{"X-User-Id": {user}})
		users[user] = append(users[user], c)
	}
	b.wantSessions(t, 12)
	var got admin.Closed
	o.ask(t, http.MethodPost, "/v1/sessions/close", admin.CloseOrder{
		Header: &admin.HeaderValue{Name: "X-User-Id", Value: "alice"}, Code: 4401, Reason: "logged out",
	}, &got)
	if got.Closed != 6 {
		t.Errorf("closed: got %d, want 6", got.Closed)
	}
	for _, c := range users["alice"] {
		if reason := wantClosed(t, c, 4401); reason != "logged out" {
			t.Errorf("reason: got %q, want %q", reason, "logged out")
		}
	}
	b.wantSessions(t, 6)
	for _, c := range users["bob"] {
		wantOpen(t, c)
	}
	ended := get[admin.EndedPage](t, o, "/v1/sessions/ended?cause=usher.operator")
	if ended.Total != 6 || ended.Sessions[0].Code != 4401 {
		t.Errorf("ended: got %+v, want 6 by the operator", ended)
	}
	if strings.Contains(b.log.String(), "alice") {
		t.Error("the log has the header's value")
	}
}

func TestCloseOneSession(t *testing.T) {
	up := newTestBackend(t, echo)
	b := newTestBroker(t, fmt.Sprintf(adminFile, up.URL))
	o := b.operator(t)
	for _, path := range []string{"/a", "/m"} {
		c, _ := b.dial(t, path, nil)
		other, _ := b.dial(t, path, nil)
		b.wantSessions(t, 2)
		id := get[admin.SessionPage](t, o, "/v1/sessions").Sessions[1].ID // the newest stands first
		var got admin.Closed
		o.ask(t, http.MethodDelete, "/v1/sessions/"+id, nil, &got)
		if got.Closed != 1 {
			t.Errorf("closed: got %d, want 1", got.Closed)
		}
		wantClosed(t, c, websocket.ClosePolicyViolation)
		wantOpen(t, other)
		other.Close()
		b.wantSessions(t, 0)
	}
}

// TestOperatorDrains drains a route, an upstream, an endpoint and all, and
// enables each again.
func TestOperatorDrains(t *testing.T) {
	up, second := newTestBackend(t, echo), newTestBackend(t, echo)
	b := newTestBroker(t, fmt.Sprintf(`
admin: 127.0.0.1:0
drain: {over: 100ms, deadline: 5s, code: 1001}
upstreams: {main: %[1]s, other: [%[1]s, %[2]s]}
routes:
  - {path: /a, upstream: main}
  - {path: /b, upstream: other}
  - {path: /m, upstream: other, relay: messages}
`, up.URL, second.URL))
	o := b.operator(t)
	for _, tt := range []struct {
		target  admin.Target
		drained []string // a session ends on each
		kept    []string // and stays on each
		refused []string // and none is taken on each
	}{
		{admin.Target{Route: "/b"}, []string{"/b"}, []string{"/a", "/m"}, []string{"/b"}},
		{admin.Target{Upstream: "other"}, []string{"/b", "/m"}, []string{"/a"}, []string{"/b", "/m"}},
		{admin.Target{Endpoint: up.URL}, []string{"/a"}, nil, []string{"/a"}},
		{admin.Target{Endpoint: up.URL, Upstream: "main"}, []string{"/a"}, []string{"/b", "/b"}, []string{"/a"}},
		{admin.Target{All: true}, []string{"/a", "/b", "/m"}, nil, []string{"/a", "/b", "/m"}},
	} {
		var ending, staying []*websocket.Conn
		for _, path := range tt.drained {
			c, _ := b.dial(t, path, nil)
			ending = append(ending, c)
		}
		for _, path := range tt.kept {
			c, _ := b.dial(t, path, nil)
			staying = append(staying, c)
		}
		b.wantSessions(t, len(ending)+len(staying))
		var answer admin.DrainAnswer
		o.ask(t, http.MethodPost, "/v1/drain", tt.target, &answer)
		if answer.Sessions != len(ending) || len(answer.Drained) == 0 {
			t.Errorf("%v: got %+v, want %d sessions", tt.target, answer, len(ending))
		}
		for _, c := range ending {
			wantClosed(t, c, websocket.CloseGoingAway)
		}
		for _, path := range tt.refused {
			if head := b.wantRefused(t, path, http.StatusServiceUnavailable); head.Get("Retry-After") == "" {
				t.Errorf("%v: refused without Retry-After", tt.target)
			}
		}
		if status, _ := o.do(t, http.MethodGet, "/readyz", nil); (status == http.StatusOK) == tt.target.All {
			t.Errorf("%v: got readiness %d", tt.target, status)
		}
		for _, c := range staying {
			wantOpen(t, c)
			c.Close()
		}
		o.ask(t, http.MethodPost, "/v1/enable", tt.target, &answer)
		if len(answer.Drained) != 0 || !answer.Undone {
			t.Errorf("%v enabled: got %+v, want it undone and nothing drained", tt.target, answer)
		}
		o.ask(t, http.MethodPost, "/v1/enable", tt.target, &answer)
		if answer.Undone {
			t.Errorf("%v enabled twice: got %+v, want nothing undone", tt.target, answer)
		}
		b.wantSessions(t, 0)
		for _, path := range tt.refused {
			c, _ := b.dial(t, path, nil)
			wantOpen(t, c)
			c.Close()
		}
		b.wantSessions(t, 0)
	}
}

// TestDrainOutlivesReload holds what is drained to the files that follow.
func TestDrainOutlivesReload(t *testing.T) {
	up := newTestBackend(t, echo)
	file := func(routes string) string {
		return fmt.Sprintf("admin: 127.0.0.1:0\nupstreams: {main: %s, other: http://127.0.0.1:1}\nroutes: [{path: /x, upstream: other}, %s]\n", up.URL, routes)
	}
	b := newTestBroker(t, file("{path: /a, upstream: main}"))
	o := b.operator(t)
	var answer admin.DrainAnswer
	o.ask(t, http.MethodPost, "/v1/drain", admin.Target{Route: "/a"}, &answer)
	o.ask(t, http.MethodPost, "/v1/drain", admin.Target{Endpoint: "127.0.0.1:1"}, &answer)
	b.reload(t, file("{path: /a, upstream: main, max_message: 1KiB}"))
	b.wantRefused(t, "/a", http.StatusServiceUnavailable)
	if s := get[admin.Status](t, o, "/v1/status"); len(s.Drained) != 2 || !s.Routes[0].Drained && !s.Routes[1].Drained {
		t.Errorf("after a reload: got %+v drained, want both", s.Drained)
	}
	b.reload(t, file("{path: /b, upstream: main}"))
	if s := get[admin.Status](t, o, "/v1/status"); len(s.Drained) != 1 || s.Drained[0].Endpoint != "http://127.0.0.1:1" {
		t.Errorf("without the route: got %+v drained, want the endpoint", s.Drained)
	}
	b.reload(t, file("{path: /a, upstream: main}"))
	c, _ := b.dial(t, "/a", nil)
	wantOpen(t, c)
}

func TestOperatorReloads(t *testing.T) {
	up := newTestBackend(t, echo)
	file := filepath.Join(t.TempDir(), "routes.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte("listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\n"+text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(oneRoute(up.URL))
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	b := runWatchingBroker(t, cfg)
	o := b.operator(t)
	c, _ := b.dial(t, "/", nil)
	write("upstreams: {main: nowhere}\nroutes: [{upstream: other}]\n")
	status, text := o.do(t, http.MethodPost, "/v1/reload", struct{}{})
	if status != http.StatusUnprocessableEntity || !strings.Contains(string(text), ":3:19: ") || !strings.Contains(string(text), ":4:21: ") {
		t.Errorf("bad file: got %d %s, want both places", status, text)
	}
	if r := get[admin.Status](t, o, "/v1/status").Reloads; r.Refused != 1 || len(r.Error) != 2 || r.Done != 0 {
		t.Errorf("reloads: got %+v, want one refused for two reasons", r)
	}
	write("upstreams: {main: " + up.URL + "}\nroutes: [{upstream: main, path: /}, {upstream: main, path: /new}]\n")
	before := time.Now()
	var done admin.Reloaded
	o.ask(t, http.MethodPost, "/v1/reload", struct{}{}, &done)
	if r := get[admin.Status](t, o, "/v1/status"); r.Reloads.Done != 1 || r.Reloads.Error != nil || r.Reloads.Last.Before(before) || len(r.Routes) != 2 {
		t.Errorf("after a good file: got %+v with %d routes", r.Reloads, len(r.Routes))
	}
	if want := (admin.Changes{RoutesAdded: 1}); done.Changes != want {
		t.Errorf("after a good file: got %+v, want %+v", done.Changes, want)
	}
	o.ask(t, http.MethodPost, "/v1/reload", struct{}{}, &done)
	if want := (admin.Changes{Same: true}); done.Changes != want {
		t.Errorf("after the same file: got %+v, want %+v", done.Changes, want)
	}
	wantOpen(t, c)
	write("upstreams: {main: 'http://127.0.0.1:1'}\nroutes: [{upstream: main, path: /new}]\n")
	o.ask(t, http.MethodPost, "/v1/reload", struct{}{}, &done)
	if want := (admin.Changes{RoutesRemoved: 1, EndpointsAdded: 1, EndpointsRemoved: 1, Sessions: 1}); done.Changes != want {
		t.Errorf("after less: got %+v, want %+v", done.Changes, want)
	}
}

// TestDrainMeetsHandshakes drains while a handshake is under way: the session
// that comes of it does not stay.
func TestDrainMeetsHandshakes(t *testing.T) {
	release := make(chan struct{})
	up := newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		<-release
		echo(w, r)
	})
	b := newTestBroker(t, fmt.Sprintf(adminFile, up.URL))
	o := b.operator(t)
	paths := []string{"/a", "/b", "/m"}
	clients := make(chan *websocket.Conn, len(paths))
	for _, path := range paths {
		go func() {
			c, _, err := websocket.DefaultDialer.Dial("ws://"+b.address+path, nil)
			if err != nil {
				t.Errorf("dial %s: %v", path, err)
			}
			clients <- c
		}()
	}
	wantSoon(t, "handshakes under way", int64(len(paths)), up.requests.Load)
	for _, target := range []admin.Target{{Route: "/a"}, {Endpoint: up.URL, Upstream: "other"}} {
		var answer admin.DrainAnswer
		o.ask(t, http.MethodPost, "/v1/drain", target, &answer)
		if answer.Sessions != 0 {
			t.Errorf("%v: got %d sessions, want none yet", target, answer.Sessions)
		}
	}
	close(release)
	for range paths {
		if c := <-clients; c != nil {
			c.SetReadDeadline(time.Now().Add(patience))
			wantClosed(t, c, websocket.CloseServiceRestart)
			c.Close()
		}
	}
	b.wantSessions(t, 0)
}
