package proxy_test

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"usher/proxy/config"
)

// Routes that need no upstream answer pages and sockets alike.
func TestOwnAnswers(t *testing.T) {
	dir := t.TempDir()
	page := filepath.Join(dir, "gone.html")
	mustWrite(t, page, "<p>gone</p>")
	b := newTestBrokerIn(t, dir, `listen: 127.0.0.1:0
trusted_proxies: 127.0.0.1
routes:
  - {host: a, redirect: "https://b.example.com{uri}"}
  - {host: a, path: /302, code: 302, redirect: "{scheme}://{host}/new{path}?old=1&{query}"}
  - {host: a, path: /here, redirect: /there}
  - {host: a, path: /robots.txt, respond: {body: "User-agent: *\n", headers: {Cache-Control: max-age=60, Content-Type: text/robots}}}
  - {host: a, path: /old, respond: {status: 410, file: gone.html}}
  - {host: a, path: /none, respond: {status: 204}}
`)
	for _, tc := range []struct {
		line, head string
		status     int
		header     string // one of the answer's, with its value
		body       string
	}{
		{"GET /a%2fb/../c?d=e&f HTTP/1.1", "", 400, "", ""},
		{"GET /a//c?d=e&f HTTP/1.1", "", 308, "Location: https://b.example.com/a/c?d=e&f", "moved"},
		{"GET /?%0d%0aX:1 HTTP/1.1", "", 308, "Location: https://b.example.com/?%0d%0aX:1", "moved"},
		{"POST /x HTTP/1.1", "Content-Length: 0\r\n", 308, "Location: https://b.example.com/x", "moved"},
		{"HEAD /x HTTP/1.1", "", 308, "Location: https://b.example.com/x", ""},
		{"GET /302/x?y HTTP/1.1", "", 302, "Location: http://a/new/302/x?old=1&y", "moved"},
		{"GET /302 HTTP/1.1", "X-Forwarded-Host: c:81\r\nX-Forwarded-Proto: https\r\n", 302, "Location: https://c:81/new/302?old=1&", "moved"},
		{"GET /302 HTTP/1.1", "X-Forwarded-Host: c/evil\r\n", 400, "", ""},
		{"GET /here/x HTTP/1.1", "", 308, "Location: /there", "moved"},
		{"GET /robots.txt HTTP/1.1", "", 200, "Content-Type: text/robots", "User-agent: *\n"},
		{"GET /robots.txt HTTP/1.1", "", 200, "Cache-Control: max-age=60", "User-agent: *\n"},
		{"GET /old HTTP/1.1", "", 410, "Content-Type: text/html; charset=utf-8", "<p>gone</p>"},
		{"HEAD /old HTTP/1.1", "", 410, "Content-Length: 11", ""},
		{"POST /old HTTP/1.1", "Content-Length: 3\r\n", 410, "Connection: close", "<p>gone</p>"},
		{"GET /none HTTP/1.1", "", 204, "", ""},
		{"OPTIONS * HTTP/1.1", "", 200, "Content-Length: 0", ""},
	} {
		got := exchangeOf(t, b.address, tc.line+"\r\nHost: a\r\n"+tc.head+"\r\n")
		if name, value, _ := strings.Cut(tc.header, ": "); got.StatusCode != tc.status || name != "" && got.Header.Get(name) != value && (name != "Connection" || !got.Close) ||
			tc.status != 400 && !strings.Contains(got.body, tc.body) || tc.body == "" && tc.status < 400 && got.body != "" {
			t.Errorf("%s %q: got %s %v %q, want %d, %s and %q", tc.line, tc.head, got.Status, got.Header, got.body, tc.status, tc.header, tc.body)
		}
	}
	for path, want := range map[string]int{"/ws": 308, "/302/ws": 302, "/old/ws": 410} {
		got := exchange(t, b.address, strings.NewReplacer("GET /ws ", "GET "+path+" ", "app.example.com", "a").Replace(upgradeHead))
		if got.StatusCode != want || !got.Close {
			t.Errorf("socket at %s: got %s, want %d and the end", path, got.Status, want)
		}
	}
	mustWrite(t, page, "<p>changed it</p>")
	if got := exchangeOf(t, b.address, "GET /old HTTP/1.1\r\nHost: a\r\n\r\n"); got.body != "<p>changed it</p>" {
		t.Errorf("changed page: got %q", got.body)
	}
	os.Remove(page)
	if got := exchangeOf(t, b.address, "GET /old HTTP/1.1\r\nHost: a\r\n\r\n"); got.body != "<p>changed it</p>" {
		t.Errorf("removed page: got %q, want what there was", got.body)
	}
}

func mustWrite(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// exchangeOf is exchange for one request of a connection that is kept.
func exchangeOf(t *testing.T, address, request string) answer {
	t.Helper()
	c := dialRaw(t, address)
	io.WriteString(c, strings.Replace(request, "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1))
	method, _, _ := strings.Cut(request, " ")
	resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	return answer{Response: resp, body: string(body), err: err}
}

// A reload replaces one answer by another, and refuses a page that is not there.
func TestOwnAnswersReload(t *testing.T) {
	dir := t.TempDir()
	text := func(answer string) string {
		return "upstreams: {main: http://127.0.0.1:1}\nroutes: [{path: /, " + answer + "}]\n"
	}
	b := newTestBrokerIn(t, dir, "listen: 127.0.0.1:0\n"+text("redirect: /x"))
	parse := func(text string) *config.Config {
		c, err := config.Parse(filepath.Join(dir, "routes.yaml"), []byte("listen: 127.0.0.1:0\n"+text), nil)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if err := b.Reload(parse(text("respond: {file: none.txt}"))); err == nil || !strings.Contains(err.Error(), "none.txt") {
		t.Errorf("page that is not there: got %v", err)
	}
	if err := b.Reload(parse(text("respond: {status: 418}"))); err != nil {
		t.Fatal(err)
	}
	exchange(t, b.Addresses()[0].String(), "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").wantNoBody(t, 418)
}

func (a answer) wantNoBody(t *testing.T, status int) {
	t.Helper()
	if a.StatusCode != status || a.body != "" {
		t.Errorf("got %s %q, want %d", a.Status, a.body, status)
	}
}
