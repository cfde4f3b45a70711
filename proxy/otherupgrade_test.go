package proxy_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

// newTestMirror returns an upstream that tells which request it got.
func newTestMirror(t *testing.T) *backend {
	t.Helper()
	return newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		if websocket.IsWebSocketUpgrade(r) {
			echo(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s upgrade=%q settings=%q connection=%q body=%s", r.Method, r.RequestURI, r.Host,
			r.Header["Upgrade"], r.Header["Http2-Settings"], r.Header["Connection"], body)
	})
}

// TestAttack04OtherProtocolsAreIgnored: a request for another protocol is served
// without it (RFC 9110, 7.8), the upstream never hears of it, and what follows
// is the next request.
func TestAttack04OtherProtocolsAreIgnored(t *testing.T) {
	up := newTestMirror(t)
	b := newTestBroker(t, oneRoute(up.URL))
	const h2c = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"
	tests := map[string]struct{ head, body, want string }{
		"h2c":           {"GET /a HTTP/1.1\r\nHost: a\r\n" + h2c, "", "GET /a a"},
		"h2c with body": {"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n" + h2c, "hello", "POST /a a"},
		"chunks":        {"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n" + h2c, "5\r\nhello\r\n0\r\n\r\n", "POST /a a"},
		"tls":           {"OPTIONS /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: TLS/1.2, HTTP/2.0\r\n", "", "OPTIONS /a a"},
		"http 1.0":      {"GET /a HTTP/1.0\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: h2c\r\n", "", "GET /a a"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := dialRaw(t, b.address)
			io.WriteString(c, tt.head+"\r\n"+tt.body+"GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
			resp, br := readHead(t, c)
			got, _ := io.ReadAll(resp.Body)
			body := tt.body
			if body != "" {
				body = "hello"
			}
			want := tt.want + ` upgrade=[] settings=[] connection=[] body=` + body
			if resp.StatusCode != http.StatusOK || string(got) != want {
				t.Errorf("got %s %q, want 200 %q", resp.Status, got, want)
			}
			next, err := http.ReadResponse(br, nil)
			if err != nil {
				t.Fatalf("the next request: %v", err)
			}
			if got, _ := io.ReadAll(next.Body); !bytes.HasPrefix(got, []byte("GET /next a")) {
				t.Errorf("the next request: got %q", got)
			}
		})
	}
}

func TestCurlThatOffersH2C(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Fatal("curl is needed")
	}
	up := newTestMirror(t)
	b := newTestBroker(t, oneRoute(up.URL))
	for _, args := range [][]string{{}, {"--data-binary", "hello"}} {
		args = append(args, "-sS", "--http2", "--max-time", "10", "-w", " %{http_version} %{http_code}", "http://"+b.address+"/a")
		got, err := exec.CommandContext(t.Context(), curl, args...).CombinedOutput()
		if err != nil || !strings.HasSuffix(string(got), " 1.1 200") || !strings.Contains(string(got), "upgrade=[] settings=[]") {
			t.Errorf("curl %q: got %q, %v, want 200 by HTTP/1.1", args, got, err)
		}
	}
}

// TestFramesBehindAHandshake: what a client sends in one piece with its
// handshake, or before its 101, is frames.
func TestFramesBehindAHandshake(t *testing.T) {
	up := newTestMirror(t)
	for relay, text := range relays(up.URL) {
		t.Run(relay, func(t *testing.T) {
			b := newTestBroker(t, text)
			c := dialRaw(t, b.address)
			io.WriteString(c, upgradeHead+"\x81\x82\x00\x00\x00\x00hi")
			resp, br := readHead(t, c)
			if resp.StatusCode != http.StatusSwitchingProtocols {
				t.Fatalf("got %s, want 101", resp.Status)
			}
			got := make([]byte, 4)
			if _, err := io.ReadFull(br, got); err != nil || string(got) != "\x81\x02hi" {
				t.Errorf("echo: got %q, %v, want a text of hi", got, err)
			}
		})
	}
}
