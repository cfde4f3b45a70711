package proxy_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// upgradeHead is a valid upgrade; tests replace a part of it.
const upgradeHead = "GET /ws HTTP/1.1\r\n" +
	"Host: app.example.com\r\n" +
	"Upgrade: websocket\r\n" +
	"Connection: Upgrade\r\n" +
	"Sec-WebSocket-Version: 13\r\n" +
	"Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n" +
	"\r\n"

// changed returns upgradeHead with old replaced by new.
func changed(t *testing.T, old, new string) string {
	t.Helper()
	if !strings.Contains(upgradeHead, old) {
		t.Fatalf("the valid request has no %q", old)
	}
	return strings.Replace(upgradeHead, old, new, 1)
}

// refusedRequests are requests that end before an upstream is contacted.
func refusedRequests(t *testing.T) []outcome {
	get := func(line string, more ...string) string {
		return line + "\r\nHost: app.example.com\r\n" + strings.Join(more, "") + "\r\n"
	}
	return []outcome{
		{"upgrade by POST (attack 3)", changed(t, "GET", "POST"), 400},
		{"upgrade to two protocols", changed(t, "websocket", "websocket, h2c"), 400},
		{"no upgrade token", changed(t, "Connection: Upgrade", "Connection: keep-alive"), 400},
		{"key of 15 bytes (attack 6)", changed(t, "AAECAwQFBgcICQoLDA0ODw==", "AAECAwQFBgcICQoLDA0O"), 400},
		{"no key", changed(t, "Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n", ""), 400},
		{"two keys", changed(t, "Upgrade: websocket\r\n", "Upgrade: websocket\r\nSec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODg==\r\n"), 400},
		{"upgrade with a body", changed(t, "Upgrade: websocket\r\n", "Upgrade: websocket\r\nContent-Length: 4\r\n"), 400},
		{"version 8", changed(t, "Version: 13", "Version: 8"), 426},
		{"no version", changed(t, "Sec-WebSocket-Version: 13\r\n", ""), 426},
		{"foreign origin (attack 7)", changed(t, "Upgrade: websocket", "Origin: https://app.example.com.evil\r\nUpgrade: websocket"), 403},
		{"null origin", changed(t, "Upgrade: websocket", "Origin: null\r\nUpgrade: websocket"), 403},
		{"path without a route", changed(t, "/ws", "/other"), 404},
		{"sibling of a route", changed(t, "/ws", "/wsx"), 404},
		{"encoded slash and dots (attack 13)", changed(t, "/ws", "/ws/%2e%2e%2fadmin%00"), 400},
		{"plain path without a route", get("GET /other HTTP/1.1", "Connection: close\r\n"), 404},
		{"CONNECT", get("CONNECT app.example.com:443 HTTP/1.1"), 405},
		{"TRACE", get("TRACE /ws HTTP/1.1", "Connection: close\r\n"), 405},
		{"bare LF (attack 10)", "GET /ws HTTP/1.1\nHost: app.example.com\r\n\r\n", 400},
		{"folded header", get("GET /ws HTTP/1.1", "X-A: b\r\n c\r\n"), 400},
		{"two hosts", get("GET /ws HTTP/1.1", "Host: evil.example\r\n"), 400},
		{"no host", "GET /ws HTTP/1.1\r\n\r\n", 400},
		{"length and chunks", get("POST /ws HTTP/1.1", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n", 400},
		{"two lengths", get("POST /ws HTTP/1.1", "Content-Length: 5\r\nContent-Length: 6\r\n") + "hello", 400},
		{"absolute form of no route (attack 12)", get("GET http://169.254.169.254/other HTTP/1.1", "Connection: close\r\n"), 404},
		{"absolute form of https", get("GET https://app.example.com/ws HTTP/1.1"), 400},
		{"version 2", get("GET /ws HTTP/2.0"), 505},
		{"no HTTP", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n", 400},
		{"head too large (attack 23)", get("GET /ws HTTP/1.1", "X-A: "+strings.Repeat("a", 80<<10)+"\r\n"), 431},
		{"too many headers", get("GET /ws HTTP/1.1", strings.Repeat("X-A: b\r\n", 2000)), 431},
	}
}

// outcome is a request as it stands on the wire, and the status it must get.
type outcome struct {
	name    string
	request string
	status  int
}

func TestRefusedBeforeAnUpstreamIsContacted(t *testing.T) {
	up := newTestBackend(t, echo)
	b := newTestBroker(t, fmt.Sprintf(`
upstreams: {main: %s}
routes:
  - {path: /ws, upstream: main}
`, up.URL))
	for _, o := range refusedRequests(t) {
		t.Run(o.name, func(t *testing.T) {
			// What follows must never be taken for a second request.
			got := exchange(t, b.address, o.request+"GET /ws/smuggled HTTP/1.1\r\nHost: app.example.com\r\n\r\n")
			got.wantStatus(t, o.status)
			got.wantEnd(t)
		})
	}
	if n := up.connections.Load(); n != 0 {
		t.Errorf("connections to the upstream: got %d, want none", n)
	}
}

func TestRequestForAnotherHost(t *testing.T) {
	up := newTestBackend(t, echo)
	b := newTestBroker(t, fmt.Sprintf("upstreams: {main: %s}\nroutes: [{host: other.example.com, path: /, upstream: main}]\n", up.URL))
	exchange(t, b.address, upgradeHead).wantStatus(t, 421)
	exchange(t, b.address, "GET / HTTP/1.1\r\nHost: app.example.com\r\nConnection: close\r\n\r\n").wantStatus(t, 421)
	if n := up.connections.Load(); n != 0 {
		t.Errorf("connections to the upstream: got %d, want none", n)
	}
}

// answer is what came back on a raw connection.
type answer struct {
	*http.Response
	body string
	rest []byte // behind the first response, until the end
	err  error  // in place of an end
}

// exchange sends a raw request and reads everything that comes back.
func exchange(t *testing.T, address, request string) answer {
	t.Helper()
	c := dialRaw(t, address)
	go io.WriteString(c, request) // the server may answer and close before it has read all
	br := bufio.NewReader(c)
	resp, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatalf("response: %v", err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("body: %v", err)
	}
	a := answer{Response: resp, body: string(body)}
	a.rest, a.err = io.ReadAll(br)
	return a
}

func dialRaw(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c
}

func (a answer) wantStatus(t *testing.T, status int) {
	t.Helper()
	if a.StatusCode != status {
		t.Errorf("status: got %s (%q), want %d", a.Status, a.body, status)
	}
	if !a.Close {
		t.Errorf("Connection: got %q, want close", a.Header["Connection"])
	}
	if len(a.body) < 12 || len(a.body) > 200 {
		t.Errorf("body: got %q, want a short line that names the rule", a.body)
	}
	if status == http.StatusUpgradeRequired && a.Header.Get("Sec-WebSocket-Version") != "13" {
		t.Errorf("Sec-WebSocket-Version: got %q, want 13", a.Header.Get("Sec-WebSocket-Version"))
	}
}

// wantEnd wants the connection closed behind the one answer.
func (a answer) wantEnd(t *testing.T) {
	t.Helper()
	if len(a.rest) > 0 {
		t.Errorf("behind the answer: got %q, want nothing", a.rest)
	}
	if errors.Is(a.err, os.ErrDeadlineExceeded) {
		t.Error("behind the answer: the connection stays open, want it closed")
	}
}

// readHead reads a response and returns what follows it.
func readHead(t *testing.T, c net.Conn) (*http.Response, *bufio.Reader) {
	t.Helper()
	br := bufio.NewReader(c)
	resp, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatalf("response: %v", err)
	}
	return resp, br
}
