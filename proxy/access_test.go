package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Who may come is known behind the PROXY protocol and trusted_proxies, and is the
// same for pages, sockets and Engine.IO. Nobody else is heard of at an upstream.
func TestAccess(t *testing.T) {
	up := newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			echo(w, r)
			return
		}
		io.WriteString(w, "page")
	})
	b := newTestBroker(t, fmt.Sprintf(`listen: ['127.0.0.1:0', {address: '127.0.0.1:0', proxy_protocol: 127.0.0.1}]
trusted_proxies: 127.0.0.1
allow: [10.0.0.0/8, "2001:db8::/32"]
deny: [10.1.0.0/16, "2001:db8:1::/48"]
upstreams: {main: %q}
routes:
  - {upstream: main}
  - {path: /open, upstream: main, allow: [0.0.0.0/0, "::/0"], deny: 10.2.0.0/16}
  - {path: /socket.io, namespaces: {/: main}}
  - {path: /lead, redirect: /}
`, up.URL))
	page := func(path, client string) string {
		return "GET " + path + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Forwarded-For: " + client + "\r\n\r\n"
	}
	socket := func(path, client string) string {
		return strings.NewReplacer("GET /ws ", "GET "+path+" ", "Upgrade: websocket", "X-Forwarded-For: "+client+"\r\nUpgrade: websocket").Replace(upgradeHead)
	}
	proxied := b.Addresses()[1].String()
	for _, tc := range []struct {
		address, request string
		status           int
	}{
		{b.address, page("/", "10.0.0.1"), 200}, {b.address, socket("/ws", "10.0.0.1"), 101},
		{b.address, page("/", "10.1.0.1"), 403}, {b.address, socket("/ws", "10.1.0.1"), 403},
		{b.address, page("/", "192.0.2.1"), 403}, {b.address, socket("/ws", "192.0.2.1"), 403},
		{b.address, page("/", "2001:db8::1"), 200}, {b.address, page("/", "2001:db8:1::1"), 403}, {b.address, page("/", "::ffff:10.0.0.1"), 200},
		{b.address, page("/", "10.0.0.1, 10.1.0.1"), 403}, // whoever is not trusted may say anything
		{b.address, page("/open", "192.0.2.1"), 200}, {b.address, socket("/open", "192.0.2.1"), 101},
		{b.address, page("/open", "10.1.0.1"), 200}, {b.address, page("/open", "10.2.0.1"), 403},
		{b.address, page("/socket.io/?EIO=4&transport=polling", "192.0.2.1"), 403}, {b.address, socket("/socket.io/?EIO=4&transport=websocket", "192.0.2.1"), 403},
		{b.address, page("/lead", "192.0.2.1"), 308},
		{proxied, "PROXY TCP4 10.0.0.1 127.0.0.1 1 2\r\n" + page("/", "192.0.2.1"), 200},
		{proxied, "PROXY TCP4 192.0.2.1 127.0.0.1 1 2\r\n" + page("/", "10.0.0.1"), 403},
		{proxied, "PROXY TCP4 192.0.2.1 127.0.0.1 1 2\r\n" + socket("/ws", "10.0.0.1"), 403},
	} {
		before := up.requests.Load()
		c := dialRaw(t, tc.address)
		io.WriteString(c, tc.request)
		resp, _ := readHead(t, c)
		if c.Close(); resp.StatusCode != tc.status {
			t.Errorf("%q: got %s, want %d", tc.request, resp.Status, tc.status)
		}
		if tc.status == 403 && up.requests.Load() != before {
			t.Errorf("%q: the upstream has heard of it", tc.request)
		}
	}
	if n := b.Stats().Refusals["address"]; n != 11 {
		t.Errorf("refusals: got %d, want 11", n)
	}
}

// What a reload allows counts for the next request of a connection.
func TestAccessReload(t *testing.T) {
	up := newTestBackend(t, func(http.ResponseWriter, *http.Request) {})
	b := newTestBroker(t, "deny: 192.0.2.1\n"+oneRoute(up.URL))
	wantPage(t, b.address)
	b.reload(t, "deny: 127.0.0.1\n"+oneRoute(up.URL))
	exchangeOf(t, b.address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").wantStatus(t, 403)
}

// Operators have an allow and a deny of their own.
func TestAdminAccess(t *testing.T) {
	for rule, want := range map[string]int{"allow: 127.0.0.1": 200, "allow: 10.0.0.0/8": 403, "deny: 127.0.0.0/8": 403, "deny: 10.0.0.0/8": 200} {
		b := newTestBroker(t, "deny: 127.0.0.1\nadmin: {address: 127.0.0.1:0, "+rule+"}\n"+oneRoute("http://127.0.0.1:1"))
		address := ""
		wantSoon(t, "address", true, func() bool { address = b.AdminAddress(); return address != "" })
		resp, err := http.Get("http://" + address + "/v1/routes")
		if err != nil {
			t.Fatal(err)
		}
		if resp.Body.Close(); resp.StatusCode != want {
			t.Errorf("%s: got %s, want %d", rule, resp.Status, want)
		}
	}
}
