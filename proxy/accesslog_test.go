package proxy_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"usher/proxy/config"
	"usher/proxy/waittest"
)

type accessLine struct {
	ID, Client, Method, Host, Target, Proto, Route, Upstream, Referer string
	Agent                                                             string `json:"user_agent"`
	Status                                                            int
	Upgrade                                                           bool
	In                                                                int64   `json:"bytes_in"`
	Out                                                               int64   `json:"bytes_out"`
	Head                                                              float64 `json:"head_s"`
	Duration                                                          float64 `json:"duration_s"`
}

// wantLines waits for so many lines of a file.
func wantLines(t *testing.T, name string, n int) (lines []string) {
	t.Helper()
	waittest.Until(t, fmt.Sprintf("%d lines in %s", n, filepath.Base(name)), func() bool {
		text, _ := os.ReadFile(name)
		lines = strings.SplitAfter(string(text), "\n")
		return len(lines) > n
	})
	return lines[:len(lines)-1]
}

func newAccessBroker(t *testing.T, access string) (b *broker, dir string, parse func(access string) *config.Config) {
	t.Helper()
	up := newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/no":
			http.Error(w, "no", http.StatusUnauthorized)
		case r.Header.Get("Upgrade") != "":
			echo(w, r)
		default:
			io.Copy(io.Discard, r.Body)
			io.WriteString(w, "hello")
		}
	})
	dir = t.TempDir()
	text := func(access string) string {
		return fmt.Sprintf("listen: 127.0.0.1:0\nlog: {access: %s}\nupstreams: {main: %q, none: {endpoints: \"http://127.0.0.1:1\", hold: 0}}\nroutes:\n"+
			"  - {host: a, upstream: main}\n  - {host: a, path: /down, upstream: none}\n  - {host: a, path: /m, upstream: main, relay: messages}\n  - {host: a, path: /io, namespaces: {/: none}}\n", access, up.URL)
	}
	parse = func(access string) *config.Config {
		c, err := config.Parse(filepath.Join(dir, "routes.yaml"), []byte(text(access)), nil)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	return newTestBrokerIn(t, dir, text(access)), dir, parse
}

// Each plain request and each handshake has a line, whatever has become of it,
// and no line has a secret.
func TestAccessLog(t *testing.T) {
	b, dir, _ := newAccessBroker(t, "{to: access.log}")
	socket := func(path string) string {
		return strings.NewReplacer("GET /ws ", "GET "+path+" ", "app.example.com", "a").Replace(upgradeHead)
	}
	for i, tc := range []struct {
		request string
		want    accessLine
	}{
		{"GET /x?token=hunter2&a=b HTTP/1.1\r\nHost: a\r\nReferer: http://r/?sid=hunter2\r\nUser-Agent: \"me\"\r\n\r\n",
			accessLine{Method: "GET", Host: "a", Target: "/x?token=***&a=b", Status: 200, Route: "a/", Upstream: "main", Out: 5, Referer: "http://r/?sid=***"}},
		{"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", accessLine{Method: "POST", Host: "a", Target: "/x", Status: 200, Route: "a/", Upstream: "main", In: 3, Out: 5}},
		{"GET /down HTTP/1.1\r\nHost: a\r\n\r\n", accessLine{Method: "GET", Host: "a", Target: "/down", Status: 502, Route: "a/down", Upstream: "none", Out: 44}},
		{"GET / HTTP/1.1\r\nHost: b\r\n\r\n", accessLine{Method: "GET", Host: "b", Target: "/", Status: 421, Out: 50}},
		{socket("/ws?password=hunter2"), accessLine{Method: "GET", Host: "a", Target: "/ws?password=***", Status: 101, Route: "a/", Upstream: "main", Upgrade: true}},
		{socket("/m"), accessLine{Method: "GET", Host: "a", Target: "/m", Status: 101, Route: "a/m", Upstream: "main", Upgrade: true}},
		{socket("/no"), accessLine{Method: "GET", Host: "a", Target: "/no", Status: 401, Route: "a/", Upstream: "main", Upgrade: true, Out: 3}},
		{socket("/down"), accessLine{Method: "GET", Host: "a", Target: "/down", Status: 502, Route: "a/down", Upstream: "none", Upgrade: true, Out: 44}},
		{socket("/io/?EIO=4&transport=websocket"), accessLine{Method: "GET", Host: "a", Target: "/io/?EIO=4&transport=websocket", Status: 101, Route: "a/io", Upgrade: true}},
	} {
		c := dialRaw(t, b.address)
		io.WriteString(c, tc.request)
		readHead(t, c)
		c.Close()
		line := wantLines(t, filepath.Join(dir, "access.log"), i+1)[i]
		var got accessLine
		if err := json.Unmarshal([]byte(line), &got); err != nil || strings.Contains(line, "hunter2") {
			t.Fatalf("got %q, %v", line, err)
		}
		if len(got.ID) != 32 || got.Client != "127.0.0.1" || got.Proto != "HTTP/1.1" || got.Head <= 0 || got.Duration < got.Head {
			t.Errorf("got %s, want id, client, protocol and times", line)
		}
		got.ID, got.Client, got.Proto, got.Agent, got.Head, got.Duration = "", "", "", "", 0, 0
		if got != tc.want {
			t.Errorf("%.40q: got %+v\nwant %+v", tc.request, got, tc.want)
		}
	}
}

// A poll that waits without net/http has its line too, when its client goes.
func TestAccessLogOfParkedPoll(t *testing.T) {
	b, dir, _ := newAccessBroker(t, "{to: access.log}")
	opened := exchangeOf(t, b.address, "GET /io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n")
	_, rest, _ := strings.Cut(opened.body, `"sid":"`)
	sid, _, _ := strings.Cut(rest, `"`)
	c := dialRaw(t, b.address)
	fmt.Fprintf(c, "GET /io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: a\r\n\r\n", sid)
	waittest.Until(t, "the poll is parked", func() bool { return b.Stats().Namespaces.Parked == 1 })
	c.Close()
	if line := wantLines(t, filepath.Join(dir, "access.log"), 2)[1]; !strings.Contains(line, `sid=***","proto":"HTTP/1.1","status":499,"route":"a/io"`) {
		t.Errorf("got %s", line)
	}
}

// What other programs read is as they know it, and cannot be forged.
func TestAccessLogCombined(t *testing.T) {
	b, dir, _ := newAccessBroker(t, "{to: access.log, format: combined}")
	exchangeOf(t, b.address, "GET /x\"y\\ HTTP/1.1\r\nHost: a\r\nUser-Agent: a\" 200 \"\r\n\r\n")
	exchangeOf(t, b.address, "GET /x?key=1 HTTP/1.1\r\nHost: a\r\nUser-Agent: a\" 200 \"\\\r\nReferer: http://a/\r\n\r\n")
	lines := wantLines(t, filepath.Join(dir, "access.log"), 1)
	line := lines[len(lines)-1]
	if want := regexp.MustCompile(`^127\.0\.0\.1 - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "GET /x\?key=\*\*\* HTTP/1\.1" 200 5 "http://a/" "a\\x22 200 \\x22\\x5C"` + "\n$"); !want.MatchString(line) {
		t.Errorf("got %q, want %s", line, want)
	}
}

// A reload opens the file again, turns the log off and on, and refuses a file
// that cannot be opened.
func TestAccessLogReload(t *testing.T) {
	b, dir, parse := newAccessBroker(t, "{to: access.log}")
	name := filepath.Join(dir, "access.log")
	get := func() { exchangeOf(t, b.address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n") }
	get()
	wantLines(t, name, 1)
	if err := os.Rename(name, name+".1"); err != nil {
		t.Fatal(err)
	}
	if err := b.Reload(parse("{to: access.log}")); err != nil {
		t.Fatal(err)
	}
	get()
	wantLines(t, name, 1)
	wantLines(t, name+".1", 1)
	if err := b.Reload(parse("{to: none/access.log}")); err == nil || !strings.Contains(err.Error(), "routes.yaml:2:20: to: ") {
		t.Errorf("file that cannot be: got %v", err)
	}
	if err := b.Reload(parse("{to: access.log, sample: 0}")); err != nil {
		t.Fatal(err)
	}
	get()
	if err := b.Reload(parse("{to: access.log}")); err != nil {
		t.Fatal(err)
	}
	get()
	if got := wantLines(t, name, 2); len(got) != 2 {
		t.Errorf("got %d lines, want none of what was not sampled", len(got))
	}
}
