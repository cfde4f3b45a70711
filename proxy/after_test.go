package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"usher/proxy/upstream"
)

// An upstream takes no sockets, and begins no polling, before those that it
// comes after are healthy; what has begun goes on.
func TestAfter(t *testing.T) {
	main := newSick(t)
	main.ill.Store(true)
	chat := newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			echo(w, r)
			return
		}
		io.WriteString(w, "chat")
	})
	b := newTestBroker(t, fmt.Sprintf(`
upstreams:
  main: {endpoints: %s, %s}
  chat: {endpoints: %s, after: [main]}
routes: [{path: /, upstream: chat}, {path: /messages, upstream: chat, relay: messages}]
`, main.URL, oftenChecked, chat.URL))
	state := func() upstream.State { return b.Stats().Upstreams[1].Endpoints[0].State }
	const get = "GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
	wantWaiting := func(when, raw string) {
		t.Helper()
		got := exchange(t, b.address, raw)
		if got.StatusCode != http.StatusServiceUnavailable || got.Header.Get("Retry-After") == "" || !strings.Contains(got.body, "waits for main") {
			t.Errorf("%s: got %s %q, want 503 with Retry-After that names main", when, got.Status, got.body)
		}
	}
	wantServed := func(when, path string) {
		t.Helper()
		if got := exchange(t, b.address, fmt.Sprintf(get, path)); got.StatusCode != http.StatusOK || got.body != "chat" {
			t.Errorf("%s: got %s %q, want chat", when, got.Status, got.body)
		}
	}

	wantSoon(t, "state of main", upstream.Unhealthy, state)
	wantWaiting("socket", upgradeHead)
	wantWaiting("socket of the messages relay", strings.Replace(upgradeHead, "GET /", "GET /messages/", 1))
	wantWaiting("polling that begins", fmt.Sprintf(get, "/socket.io/?EIO=4&transport=polling"))
	wantServed("polling that goes on", "/socket.io/?EIO=4&transport=polling&sid=abc")
	wantServed("plain request", "/page")
	if got := b.Stats().Refusals["waiting"]; got != 3 {
		t.Errorf("refusals for it: got %d, want 3", got)
	}

	main.ill.Store(false)
	wantSoon(t, "state of main", upstream.Healthy, state)
	c, _ := b.dial(t, "/", nil)
	m, _ := b.dial(t, "/messages", nil)
	wantServed("polling that begins", "/socket.io/?EIO=4&transport=polling")

	main.ill.Store(true)
	wantSoon(t, "state of main", upstream.Unhealthy, state)
	wantWaiting("another socket", upgradeHead)
	wantEcho(t, c, 1, []byte("what is open stays"))
	wantEcho(t, m, 1, []byte("what is open stays"))
}
