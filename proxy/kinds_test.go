package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"usher/proxy/config"
)

// pages serves no WebSocket: who asks it for one hears so.
func pages(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") != "" {
		http.Error(w, "pages got an upgrade", http.StatusTeapot)
		return
	}
	io.WriteString(w, "page "+r.URL.Path)
}

// sockets serves nothing else.
func sockets(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") == "" {
		http.Error(w, "sockets got a plain request", http.StatusTeapot)
		return
	}
	echo(w, r)
}

// TestRouteForEachKind has sockets and pages of one path in two processes.
func TestRouteForEachKind(t *testing.T) {
	up, live := newTestBackend(t, pages), newTestBackend(t, sockets)
	b := newTestBroker(t, fmt.Sprintf(`
upstreams: {pages: %s, live: %s}
routes:
  - {path: /both, upgrade: none, upstream: pages}
  - {path: /both, upgrade: websocket, upstream: live}
  - {path: /only/ws, upgrade: websocket, upstream: live}
  - {path: /only/pages, exact: true, upgrade: none, upstream: pages}
`, up.URL, live.URL))
	c, _ := b.dial(t, "/both/x", nil)
	wantEcho(t, c, websocket.TextMessage, []byte("hello"))
	got := exchange(t, b.address, "GET /both/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	if got.wantStatus(t, 200); got.body != "page /both/x" {
		t.Errorf("page beside the sockets: got %q", got.body)
	}

	got = exchange(t, b.address, "GET /only/ws HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	got.wantStatus(t, 426)
	if want := "only WebSocket"; !strings.Contains(got.body, want) || got.Header.Get("Upgrade") != "websocket" {
		t.Errorf("plain request for a socket: got %q, %v, want %q and the protocol to use", got.body, got.Header, want)
	}
	got = exchange(t, b.address, changed(t, "/ws", "/only/pages"))
	got.wantStatus(t, 404)
	if want := "only plain requests"; !strings.Contains(got.body, want) {
		t.Errorf("upgrade where pages are: got %q, want %q", got.body, want)
	}
	exchange(t, b.address, changed(t, "/ws", "/nothing")).wantStatus(t, 404)

	c.Close()
	b.wantSessions(t, 0)
	wantSoon(t, "route in the log", "[/both (websocket)]", func() string {
		var names []string
		for _, line := range b.log.lines(t, "session ended") {
			names = append(names, fmt.Sprint(line["route"]))
		}
		return fmt.Sprint(names)
	})
}

// TestRouteOfSeveralHosts adds one to the list while there is a session.
func TestRouteOfSeveralHosts(t *testing.T) {
	up := newTestBackend(t, echo)
	text := "listen: 127.0.0.1:0\nupstreams: {main: " + up.URL + "}\nroutes: [{host: [a.example.com, '*.b.example.com'], path: /ws, upstream: main}]\n"
	b := newTestBroker(t, text)
	c, _ := b.dial(t, "/ws", http.Header{"Host": {"a.example.com"}})
	other, _ := b.dial(t, "/ws", http.Header{"Host": {"x.b.example.com"}})
	exchange(t, b.address, changed(t, "app.example.com", "c.example.com")).wantStatus(t, 421)

	cfg, err := config.Parse("routes.yaml", []byte(strings.Replace(text, "'*.b.example.com'", "c.example.com", 1)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	wantClosed(t, other, 1012)
	wantEcho(t, c, websocket.TextMessage, []byte("still here"))
	third, _ := b.dial(t, "/ws", http.Header{"Host": {"c.example.com"}})
	wantEcho(t, third, websocket.TextMessage, []byte("hello"))
}
