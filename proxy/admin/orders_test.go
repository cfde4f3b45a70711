package admin

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"usher/proxy/config"
	"usher/proxy/session"
)

// TestOrders sends orders that can be meant, and such that cannot.
func TestOrders(t *testing.T) {
	d := newTestDesk(t, "admin: {address: '127.0.0.1:9901', close_by: [X-User-Id]}"+testRoutes)
	marks := d.marker.Marks(map[string][]string{"X-User-Id": {"7"}})
	d.sessions.Open(session.Info{ID: "a", Route: "/", Upstream: "main", Client: "10.0.0.1", Endpoint: "127.0.0.1:3001", Marks: marks})
	d.sessions.Open(session.Info{ID: "b", Route: "/chat", Upstream: "chat", Client: "10.0.0.2", Endpoint: "127.0.0.1:3001"})
	d.sessions.Open(session.Info{ID: "c", Route: "/chat", Upstream: "chat", Client: "10.0.1.1", Endpoint: "127.0.0.1:3002", Marks: marks})
	d.sessions.Open(session.Info{ID: "o", Route: "/old", Upstream: "old", Client: "10.9.0.1"}) // as a reload has removed it
	h := newTestHandler(d)
	for _, tt := range []struct {
		method, path, body string
		status             int
		orders             string
	}{
		{"POST", "/v1/sessions/close", `{"route": "/chat"}`, 200, "close c, close b"},
		{"POST", "/v1/sessions/close", `{"upstream": "main"}`, 200, "close a"},
		{"POST", "/v1/sessions/close", `{"client": "10.0.0.0/24"}`, 200, "close b, close a"},
		{"POST", "/v1/sessions/close", `{"endpoint": "http://127.0.0.1:3002"}`, 200, "close c"},
		{"POST", "/v1/sessions/close", `{"header": {"name": "x-user-id", "value": "7"}}`, 200, "close c, close a"},
		{"POST", "/v1/sessions/close", `{"header": {"name": "X-User-Id", "value": "7"}, "route": "/"}`, 200, "close a"},
		{"POST", "/v1/sessions/close", `{"header": {"name": "X-User-Id", "value": "8"}}`, 200, ""},
		{"POST", "/v1/sessions/close", `{"route": "/none"}`, 404, ""},
		{"POST", "/v1/sessions/close", `{"route": "/old"}`, 200, "close o"},
		{"POST", "/v1/sessions/close", `{"route": "/old", "client": "10.0.0.9"}`, 404, ""},
		{"POST", "/v1/sessions/close", `{"upstream": "none"}`, 404, ""},
		{"POST", "/v1/sessions/close", `{"endpoint": "127.0.0.1:3003"}`, 404, ""},
		{"POST", "/v1/sessions/close", `{"endpoint": "127.0.0.1:3002", "upstream": "main"}`, 404, ""},
		{"POST", "/v1/sessions/close", `{"endpoint": "127.0.0.1:3002", "client": "10.0.0.9"}`, 200, ""},
		{"POST", "/v1/sessions/close", `{"header": {"name": "Cookie", "value": "7"}}`, 400, ""},
		{"POST", "/v1/sessions/close", `{"route": "/chat", "code": 4401, "reason": "logged out"}`, 200, "close c, close b"},
		{"POST", "/v1/sessions/close", `{"route": "/chat", "code": 1005}`, 400, ""},
		{"POST", "/v1/sessions/close", `{"route": "/chat", "code": 70000}`, 400, ""},
		{"POST", "/v1/sessions/close", `{"route": "/chat", "reason": "` + strings.Repeat("x", 124) + `"}`, 400, ""},
		{"POST", "/v1/sessions/close", `{"code": 1000}`, 400, ""},
		{"POST", "/v1/sessions/close", ``, 400, ""},
		{"POST", "/v1/sessions/close", `{"rout": "/chat"}`, 400, ""},
		{"POST", "/v1/sessions/close", `{"route": "/chat"} {}`, 400, ""},
		{"POST", "/v1/sessions/close", `{"route": "` + strings.Repeat("x", maxBody) + `"}`, 413, ""},
		{"DELETE", "/v1/sessions/b", ``, 200, "close b"},
		{"DELETE", "/v1/sessions/none", ``, 404, ""},
		{"POST", "/v1/drain", `{"route": "/chat"}`, 200, `drain route "/chat"`},
		{"POST", "/v1/drain", `{"route": "/none"}`, 404, ""},
		{"POST", "/v1/drain", `{"upstream": "chat"}`, 200, `drain upstream "chat"`},
		{"POST", "/v1/drain", `{"upstream": "none"}`, 404, ""},
		{"POST", "/v1/drain", `{"endpoint": "127.0.0.1:3002"}`, 200, `drain endpoint "127.0.0.1:3002"`},
		{"POST", "/v1/drain", `{"endpoint": "127.0.0.1:3002", "upstream": "main"}`, 404, ""},
		{"POST", "/v1/drain", `{"endpoint": "http://127.0.0.1:3001", "upstream": "chat"}`, 200, `drain endpoint "http://127.0.0.1:3001" of upstream "chat"`},
		{"POST", "/v1/drain", `{"all": true}`, 200, "drain everything"},
		{"POST", "/v1/drain", `{}`, 400, ""},
		{"POST", "/v1/drain", `{"route": "/", "all": true}`, 400, ""},
		{"POST", "/v1/enable", `{"all": true}`, 200, "enable everything"},
		{"POST", "/v1/reload", ``, 200, "reload"},
		{"POST", "/v1/reload", `{}`, 200, "reload"},
		{"POST", "/v1/upgrade", ``, 200, "upgrade"},
		{"POST", "/v1/upgrade", `{"pid": 1}`, 400, ""},
	} {
		d.orders = nil
		w := request{method: tt.method, path: tt.path, body: tt.body}.send(h)
		if got := strings.Join(d.orders, ", "); w.Code != tt.status || got != tt.orders {
			t.Errorf("%s %s %.80s: got %d %s with %q done, want %d with %q", tt.method, tt.path, tt.body, w.Code, w.Body, got, tt.status, tt.orders)
		}
	}
	first, own := d.ended[0], d.ended[7]
	if first.Code != 1008 || first.Reason == "" || first.Cause.String() != "usher.operator" || first.Over != 0 {
		t.Errorf("close: got %+v, want 1008 at once", first)
	}
	if own.Code != 4401 || own.Reason != "logged out" {
		t.Errorf("close with a code: got %+v, want 4401", own)
	}
}

// TestCloseIsLogged wants to read what an operator has named, but for the value
// of a header, which is nobody's business.
func TestCloseIsLogged(t *testing.T) {
	d := newTestDesk(t, "admin: {address: '127.0.0.1:9901', close_by: [X-User-Id]}"+testRoutes)
	marks := d.marker.Marks(map[string][]string{"X-User-Id": {"secret"}})
	d.sessions.Open(session.Info{ID: "a", Route: "/", Upstream: "main", Client: "10.0.0.1", Endpoint: "127.0.0.1:3001", Marks: marks})
	for _, tt := range []struct{ method, path, body, want string }{
		{"POST", "/v1/sessions/close", `{"header": {"name": "x-user-id", "value": "secret"}, "code": 4401}`, "code=4401 header=X-User-Id"},
		{"POST", "/v1/sessions/close", `{"route": "/", "client": "10.0.0.0/8"}`, "code=1008 route=/ client=10.0.0.0/8"},
		{"POST", "/v1/sessions/close", `{"upstream": "main", "endpoint": "127.0.0.1:3001"}`, "code=1008 upstream=main endpoint=127.0.0.1:3001"},
		{"DELETE", "/v1/sessions/a", ``, "code=1008 id=a"},
	} {
		var log strings.Builder
		h := NewHandler(Handler{Broker: d, Log: slog.New(slog.NewTextHandler(&log, nil))})
		request{method: tt.method, path: tt.path, body: tt.body}.send(h)
		if want := `msg="operator closes sessions" sessions=1 ` + tt.want + " peer="; !strings.Contains(log.String(), want) || strings.Contains(log.String(), "secret") {
			t.Errorf("%s: got log %q, want %q in it and no value", tt.body, log.String(), want)
		}
	}
}

func TestUpgradeAnswers(t *testing.T) {
	d := newTestDesk(t, "admin: 127.0.0.1:9901"+testRoutes)
	h := NewHandler(Handler{Broker: d, Log: slog.New(slog.DiscardHandler)})
	order := request{method: http.MethodPost, path: "/v1/upgrade"}
	if w := order.send(h); w.Code != http.StatusOK || w.Body.String() != `{"pid":4711,"moved":3,"seconds":0.5,"later":0,"drain":{"TLS":2}}`+"\n" {
		t.Errorf("got %d %s, want the pid", w.Code, w.Body)
	}
	d.upgrade = errors.New("new process: exit status 1")
	if w := order.send(h); w.Code != http.StatusUnprocessableEntity || w.Body.String() != "{\"error\":\"new process: exit status 1\"}\n" {
		t.Errorf("got %d %s, want 422 and why", w.Code, w.Body)
	}
}

// TestReloadAnswers wants every error of a bad file.
func TestReloadAnswers(t *testing.T) {
	d := newTestDesk(t, "admin: 127.0.0.1:9901"+testRoutes)
	_, d.reload = config.Parse("routes.yaml", []byte("upstreams: {main: x}\nroutes: [{upstream: chat}]\nx: 1\n"), nil)
	w := request{method: http.MethodPost, path: "/v1/reload"}.send(newTestHandler(d))
	for _, want := range []string{"the routes file has 3 errors", "routes.yaml:1:19", "routes.yaml:2:21", "routes.yaml:3:1"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("got %s, want %q in it", w.Body, want)
		}
	}
	if w.Code != http.StatusUnprocessableEntity {
		t.Errorf("got %d, want 422", w.Code)
	}
	d.reload = errors.New("there is no routes file to read again")
	if w := (request{method: http.MethodPost, path: "/v1/reload"}).send(newTestHandler(d)); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "no routes file") {
		t.Errorf("another error: got %d %s, want 422 with it", w.Code, w.Body)
	}
}
