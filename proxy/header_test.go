package proxy_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestHeadersToTheUpstream looks at what an upstream gets of a client that
// lies, by an upgrade and by a plain request: the rules are the same.
func TestHeadersToTheUpstream(t *testing.T) {
	heads := make(chan http.Header, 1)
	up := newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		h := r.Header.Clone()
		h["Host"] = []string{r.Host}
		heads <- h
		echo(w, r)
	})
	b := newTestBroker(t, fmt.Sprintf(`
upstreams: {main: %s}
routes:
  - path: /
    upstream: main
    headers:
      set: {X-Tenant: blue}
      remove: [X-Debug]
`, up.URL))
	lies := "Connection: %s, X-Nominated, X-Forwarded-For, Authorization\r\n" +
		"X-Nominated: 1\r\nAuthorization: Bearer 1\r\nKeep-Alive: 5\r\nTE: trailers\r\nProxy-Connection: close\r\n" +
		"X-Forwarded-For: 6.6.6.6\r\nX_Forwarded_For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n" +
		"Forwarded: for=6.6.6.6\r\nX-Request-Id: evil\r\nX-Tenant: red\r\nX-Debug: 1\r\nX-Kept: a\r\nX-Kept: b\r\nCookie: c=1\r\n"
	for name, request := range map[string]string{
		"upgrade": strings.Replace(upgradeHead, "Connection: Upgrade\r\n", fmt.Sprintf(lies, "Upgrade"), 1),
		"plain":   "GET /ws HTTP/1.1\r\nHost: app.example.com\r\n" + fmt.Sprintf(lies, "close") + "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := dialRaw(t, b.address)
			fmt.Fprint(c, request)
			readHead(t, c)
			wantHeaders(t, <-heads)
		})
	}
}

func wantHeaders(t *testing.T, got http.Header) {
	t.Helper()
	for name, want := range map[string]string{
		"Host":              "[app.example.com]",
		"X-Forwarded-For":   "[127.0.0.1]",
		"X-Forwarded-Proto": "[http]",
		"X-Forwarded-Host":  "[app.example.com]",
		"Forwarded":         `[for=127.0.0.1;host="app.example.com";proto=http]`,
		"X-Tenant":          "[blue]",
		"X-Kept":            "[a b]",
		"Cookie":            "[c=1]",
		"X-Debug":           "[]",
		"X_forwarded_for":   "[]",
		"X-Nominated":       "[]",
		"Authorization":     "[]",
		"Keep-Alive":        "[]",
		"Proxy-Connection":  "[]",
	} {
		if have := fmt.Sprint(got[name]); have != want {
			t.Errorf("%s: got %s, want %s", name, have, want)
		}
	}
	if id := got.Get("X-Request-Id"); id == "" || id == "evil" {
		t.Errorf("X-Request-Id: got %q, want one of usher's own", id)
	}
}

func TestTrustedProxyIsBelieved(t *testing.T) {
	heads := make(chan http.Header, 1)
	up := newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		heads <- r.Header.Clone()
		echo(w, r)
	})
	b := newTestBroker(t, "trusted_proxies: [127.0.0.0/8]\n"+oneRoute(up.URL))
	c, _ := b.dial(t, "/ws?token=secret", http.Header{
		"X-Forwarded-For": {"203.0.113.7"}, "X-Forwarded-Proto": {"https"}, "X-Request-Id": {"abc-1"},
	})
	got := <-heads
	for name, want := range map[string]string{
		"X-Forwarded-For": "203.0.113.7, 127.0.0.1", "X-Forwarded-Proto": "https", "X-Request-Id": "abc-1",
	} {
		if got.Get(name) != want {
			t.Errorf("%s: got %q, want %q", name, got.Get(name), want)
		}
	}
	c.Close()
	wantSoon(t, "session lines", 1, func() int { return len(b.log.lines(t, "session ended")) })
	wantSessionLine(t, b.log.lines(t, "session ended")[0])
	if log := b.log.String(); strings.Contains(log, "secret") {
		t.Errorf("the log has the query:\n%s", log)
	}
}

// wantSessionLine wants every field of the line that a session leaves.
func wantSessionLine(t *testing.T, line map[string]any) {
	t.Helper()
	for name, want := range map[string]any{
		"id": "abc-1", "client": "203.0.113.7", "route": "/", "upstream": "main", "level": "INFO", "cause": "client.lost",
	} {
		if line[name] != want {
			t.Errorf("%s: got %v, want %v", name, line[name], want)
		}
	}
	for _, name := range []string{"endpoint", "duration_s", "messages_in", "messages_out", "bytes_in", "bytes_out", "code"} {
		if _, ok := line[name]; !ok {
			t.Errorf("%s: missing in %v", name, line)
		}
	}
}
