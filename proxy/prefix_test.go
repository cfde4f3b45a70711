package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

// wantAnswer sends a request without a body and compares path, status and
// Location of what comes.
func (b *broker) wantAnswer(t *testing.T, method, target string, status int, location string) {
	t.Helper()
	r, err := http.NewRequest(method, "http://"+b.address+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != status || resp.Header.Get("Location") != location {
		t.Errorf("%s %s: got %d to %q, want %d to %q", method, target, resp.StatusCode, resp.Header.Get("Location"), status, location)
	}
}

// TestBarePrefixLeadsToTheSlash: relative links of a page at /form would stand
// beside it, not below.
func TestBarePrefixLeadsToTheSlash(t *testing.T) {
	up := newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			echo(w, r)
			return
		}
		io.Copy(w, r.Body)
		io.WriteString(w, r.RequestURI)
	})
	b := newTestBroker(t, fmt.Sprintf(`
upstreams: {main: %s}
routes:
  - {path: /form, strip_prefix: /form, upstream: main}
  - {path: /a/api, strip_prefix: /a/api, slash: false, upstream: main}
  - {path: /one, exact: true, strip_prefix: /one, upstream: main}
  - {path: /part/x, strip_prefix: /part, upstream: main}
  - {path: /swap, replace_prefix: /board, upstream: main}
  - {path: /, upstream: main}
`, up.URL))
	b.wantAnswer(t, "GET", "/form", 308, "/form/")
	b.wantAnswer(t, "HEAD", "/form?a=/%2f;b&c", 308, "/form/?a=/%2f;b&c")
	b.wantAnswer(t, "GET", "//x/..//%66orm", 308, "/form/")
	for _, target := range []string{
		"/form/", "/form/x", "/form?EIO=4&transport=polling", "/a/api", "/one", "/part/x", "/swap", "/formal",
	} {
		b.wantAnswer(t, "GET", target, 200, "")
	}

	// Who reads no page follows no redirect.
	b.wantAnswer(t, "OPTIONS", "/form", 200, "")
	c := dialRaw(t, b.address)
	br := bufio.NewReader(c)
	for _, path := range []string{"/form", "/form/"} {
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: a\r\nX-Forwarded-Host: b\r\nContent-Length: 5\r\n\r\nhello", path)
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != 200 || string(body) != "hello/" {
			t.Errorf("POST %s: got %d to %q, %q", path, resp.StatusCode, resp.Header.Get("Location"), body)
		}
	}
	socket, resp := b.dial(t, "/form", nil)
	if got := resp.Header.Get("X-Path"); got != "/" {
		t.Errorf("upgrade at the bare prefix: the upstream got %q, want /", got)
	}
	wantEcho(t, socket, websocket.TextMessage, []byte("hello"))
}

// TestReplacedPrefix has an upstream that knows itself by another path, and
// says so in its answers.
func TestReplacedPrefix(t *testing.T) {
	up := newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Upgrade") != "" && r.URL.Path == "/dashboard/refused":
			http.Redirect(w, r, "/dashboard/login", http.StatusFound)
		case r.Header.Get("Upgrade") != "":
			up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
			if c, err := up.Upgrade(w, r, http.Header{"Set-Cookie": {"at=" + r.URL.Path + "; Path=/dashboard"}}); err == nil {
				c.Close()
			}
		default:
			h := w.Header()
			h["Location"] = []string{"http://" + r.Header.Get("X-Upstream") + "/dashboard/next"}
			h["Refresh"] = []string{"5; url=/dashboard/later"}
			h["Set-Cookie"] = []string{"at=" + r.URL.EscapedPath() + "; Path=/dashboard/", "b=2; Path=/"}
			w.WriteHeader(http.StatusFound)
		}
	})
	b := newTestBroker(t, fmt.Sprintf(`
upstreams: {main: %s/}
routes:
  - {path: /app, replace_prefix: /dashboard, headers: {set: {X-Upstream: %s}}, upstream: main}
`, up.URL, strings.TrimPrefix(up.URL, "http://")))
	got := exchange(t, b.address, "GET /app/a%20b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	want := `[/app/next] [5; url=/app/later] [at=/dashboard/a%20b; Path=/app/ b=2; Path=/]`
	if all := fmt.Sprint(got.Header["Location"], " ", got.Header["Refresh"], " ", got.Header["Set-Cookie"]); all != want {
		t.Errorf("plain answer: got %s, want %s", all, want)
	}
	got = exchange(t, b.address, changed(t, "/ws", "/app/refused"))
	if l := got.Header.Get("Location"); got.StatusCode != 302 || l != "/app/login" {
		t.Errorf("declined upgrade: got %d to %q, want 302 to /app/login", got.StatusCode, l)
	}
	_, resp := b.dial(t, "/app", nil)
	if cookie := resp.Header.Get("Set-Cookie"); cookie != "at=/dashboard; Path=/app" {
		t.Errorf("101: got cookie %q, want its path to be the client's", cookie)
	}
}
