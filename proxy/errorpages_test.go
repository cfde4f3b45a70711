package proxy_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"usher/proxy/config"
)

// A page stands for usher's own answers alone, and goes as HTML only to who asks
// for that.
func TestErrorPages(t *testing.T) {
	up := newTestBackend(t, func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "the upstream's own", http.StatusBadGateway)
	})
	dir := t.TempDir()
	down := filepath.Join(dir, "down.html")
	mustWrite(t, down, "<p>down</p>")
	mustWrite(t, filepath.Join(dir, "down.json"), `{"down":1}`)
	text := fmt.Sprintf(`error_pages: {404: down.html, 421: down.html, 502: down.html}
upstreams: {main: %q, none: "http://127.0.0.1:1"}
routes:
  - {host: a, path: /up, upstream: main}
  - {host: a, path: /down, upstream: none}
  - {host: a, path: /messages, upstream: none, relay: messages}
  - {host: a, path: /api, upstream: none, error_pages: {502: down.json}}
  - {host: a, path: /bare, upstream: none, error_pages: {}}
`, up.URL)
	b := newTestBrokerIn(t, dir, "listen: 127.0.0.1:0\n"+text)
	const html, browser = "text/html; charset=utf-8", "text/html,application/xhtml+xml,*/*;q=0.8"
	get := func(method, host, path, accept string) answer {
		return exchangeOf(t, b.address, method+" "+path+" HTTP/1.1\r\nHost: "+host+"\r\n"+strings.TrimPrefix("Accept: "+accept+"\r\n", "Accept: \r\n")+"\r\n")
	}
	for _, tc := range []struct {
		method, host, path, accept string
		status                     int
		kind, body                 string
	}{
		{"GET", "a", "/down", browser, 502, html, "<p>down</p>"},
		{"POST", "a", "/down", "text/*", 502, html, "<p>down</p>"},
		{"HEAD", "a", "/down", browser, 502, html, ""},
		{"GET", "a", "/down", "", 502, "text/plain; charset=utf-8", "502 bad gateway: upstream cannot be reached\n"},
		{"GET", "a", "/down", "*/*", 502, "text/plain; charset=utf-8", "502 bad gateway: upstream cannot be reached\n"},
		{"GET", "a", "/down", "application/json, text/html;q=0.0", 502, "text/plain; charset=utf-8", "502 bad gateway: upstream cannot be reached\n"},
		{"GET", "a", "/api", "*/*", 502, "application/json", `{"down":1}`},
		{"GET", "a", "/bare", browser, 502, "text/plain; charset=utf-8", "502 bad gateway: upstream cannot be reached\n"},
		{"GET", "a", "/up", browser, 502, "text/plain; charset=utf-8", "the upstream's own\n"},
		{"GET", "a", "/none", browser, 404, html, "<p>down</p>"},
		{"GET", "b", "/", browser, 421, html, "<p>down</p>"},
	} {
		got := get(tc.method, tc.host, tc.path, tc.accept)
		if got.StatusCode != tc.status || got.Header.Get("Content-Type") != tc.kind || got.body != tc.body {
			t.Errorf("%s %s%s for %q: got %s %v %q, want %d, %s and %q", tc.method, tc.host, tc.path, tc.accept, got.Status, got.Header, got.body, tc.status, tc.kind, tc.body)
		}
	}
	for _, path := range []string{"/down", "/messages"} {
		socket := strings.NewReplacer("GET /ws ", "GET "+path+" ", "app.example.com", "a", "\r\n\r\n", "\r\nAccept: text/html\r\n\r\n").Replace(upgradeHead)
		if got := exchange(t, b.address, socket); got.StatusCode != 502 || got.body != "<p>down</p>" {
			t.Errorf("socket at %s: got %s %q, want the page", path, got.Status, got.body)
		}
	}
	mustWrite(t, down, "<p>changed it</p>")
	if got := get("GET", "a", "/down", browser); got.body != "<p>changed it</p>" {
		t.Errorf("changed page: got %q", got.body)
	}
	os.Remove(down)
	if got := get("GET", "a", "/down", browser); got.body != "<p>changed it</p>" {
		t.Errorf("removed page: got %q, want what there was", got.body)
	}
	cfg, err := config.Parse(filepath.Join(dir, "routes.yaml"), []byte("listen: 127.0.0.1:0\n"+text), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Reload(cfg); err == nil || !strings.Contains(err.Error(), "routes.yaml:2:20: error_pages: ") {
		t.Errorf("reload without the page: got %v, want where it is named", err)
	}
}
