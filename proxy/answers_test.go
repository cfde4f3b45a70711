package proxy_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// The headers of a route are on every answer: pages, sockets, what the upstream
// refuses and what usher does; those of the file on what comes to no route.
func TestResponseHeaders(t *testing.T) {
	up := newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Server"] = []string{"legacy"}
		w.Header().Add("Vary", "A")
		w.Header().Set("X-Frame-Options", "ALLOW")
		switch {
		case r.URL.Path == "/no":
			http.Error(w, "no", http.StatusUnauthorized)
		case r.Header.Get("Upgrade") != "":
			echo(w, r)
		}
	})
	text := fmt.Sprintf(`response_headers: {set: {Strict-Transport-Security: max-age=1, X-Frame-Options: DENY}, add: {Vary: B}, remove: [Server, Set-Cookie]}
upstreams: {main: %q}
routes:
  - {host: a, upstream: main}
  - {host: a, path: /m, upstream: main, relay: messages}
  - {host: a, path: /other, upstream: main, response_headers: {set: {X-Other: "1"}}}
  - {host: a, path: /io, namespaces: {/: main}}
  - {host: a, path: /lead, redirect: /x}
`, up.URL)
	b := newTestBroker(t, text)
	page := func(path string) string { return "GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n" }
	socket := func(path string) string {
		return strings.NewReplacer("GET /ws ", "GET "+path+" ", "app.example.com", "a").Replace(upgradeHead)
	}
	for request, status := range map[string]int{
		page("/"): 200, page("/no"): 401, page("/lead"): 308, page("/io/?EIO=4&transport=none"): 400, "GET / HTTP/1.1\r\nHost: b\r\n\r\n": 421,
		socket("/ws"): 101, socket("/m"): 101, socket("/no"): 401, socket("/lead"): 308, socket("/io/?EIO=4&transport=websocket"): 101,
		strings.Replace(socket("/ws"), "Version: 13", "Version: 12", 1): 426,
	} {
		c := dialRaw(t, b.address)
		fmt.Fprint(c, request)
		resp, _ := readHead(t, c)
		c.Close()
		h := resp.Header
		if resp.StatusCode != status || !slices.Equal(h["Strict-Transport-Security"], []string{"max-age=1"}) || !slices.Equal(h["X-Frame-Options"], []string{"DENY"}) ||
			h["Server"] != nil || h["Set-Cookie"] != nil || !slices.Contains(h["Vary"], "B") {
			t.Errorf("%.60q: got %s %v, want %d and the headers of the route", request, resp.Status, h, status)
		}
	}
	for _, request := range []string{page("/other"), socket("/other")} {
		c := dialRaw(t, b.address)
		fmt.Fprint(c, request)
		resp, _ := readHead(t, c)
		c.Close()
		if h := resp.Header; h.Get("X-Other") != "1" || h.Get("Strict-Transport-Security") != "" || h.Get("Vary") == "B" {
			t.Errorf("%.60q: got %v, want the route's own alone", request, h)
		}
	}
	b.reload(t, strings.Replace(text, "max-age=1", "max-age=2", 1))
	if got := exchangeOf(t, b.address, page("/")); got.Header.Get("Strict-Transport-Security") != "max-age=2" {
		t.Errorf("reloaded: got %v", got.Header)
	}
}

// The same by HTTP/2, for a page and a socket.
func TestResponseHeadersByHTTP2(t *testing.T) {
	up := newTestBackend(t, echoAndPages)
	b, client := newTestStreams(t, "response_headers: {set: {X-A: b}}\n"+oneRoute(up.URL))
	resp, err := newTestH2Client(t, client.trust).Get("https://" + b.address + "/")
	if err != nil {
		t.Fatal(err)
	}
	if resp.Body.Close(); resp.Header.Get("X-A") != "b" {
		t.Errorf("page: got %v", resp.Header)
	}
	if _, resp := client.dial(t, "/", nil); resp.Header.Get("X-A") != "b" {
		t.Errorf("socket: got %v", resp.Header)
	}
}
