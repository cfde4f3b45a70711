package proxy_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

// readiness asks for /readyz.
func (o *operator) readiness(t *testing.T) string {
	t.Helper()
	status, text := o.do(t, http.MethodGet, "/readyz", nil)
	if (status == http.StatusOK) != (string(text) == "serving\n") {
		t.Fatalf("readiness: got %d %s", status, text)
	}
	return strings.TrimSpace(string(text))
}

// TestDrainTellsWhoComes has usher serve on while it drains: it is not ready
// before the first Close frame, and who comes later hears when to try again.
func TestDrainTellsWhoComes(t *testing.T) {
	up := newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			io.WriteString(w, "plain")
			return
		}
		echo(w, r)
	})
	b := newTestBroker(t, "admin: 127.0.0.1:0\ndrain: {grace: 2s, over: 0s, deadline: 60s}\n"+oneRoute(up.URL))
	o := b.operator(t)
	if got := o.readiness(t); got != "serving" {
		t.Errorf("before the stop: got %s, want serving", got)
	}
	stubborn := dialRaw(t, b.address) // does not answer its Close frame
	io.WriteString(stubborn, upgradeHead)
	readHead(t, stubborn)
	b.stop()
	wantSoon(t, "readiness", "grace", func() string { return o.readiness(t) })
	c, _ := b.dial(t, "/ws", nil) // usher serves on meanwhile
	wantClosed(t, c, websocket.CloseServiceRestart)
	if got := o.readiness(t); got != "stopping" {
		t.Errorf("behind a Close frame: got %s, want stopping", got)
	}
	for range 3 {
		if head := b.wantRefused(t, "/ws", http.StatusServiceUnavailable); head.Get("Retry-After") == "" {
			t.Error("while it drains: got no Retry-After")
		}
		resp, err := http.Get("http://" + b.address + "/page")
		if err != nil {
			t.Fatalf("plain request while it drains: %v", err)
		}
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if string(text) != "plain" || !resp.Close {
			t.Errorf("plain request while it drains: got %q and close %t, want the page and the end", text, resp.Close)
		}
	}
	if got := get[map[string]any](t, o, "/v1/status")["phase"]; got != "stopping" {
		t.Errorf("status: got %v, want stopping", got)
	}
	stubborn.Close()
	b.wantStop(t, patience)
}
