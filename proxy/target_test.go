package proxy_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// TestAbsoluteForm: the host of the target counts in place of the Host header,
// for routing and for the upstream (RFC 9112, 3.2.2).
func TestAbsoluteForm(t *testing.T) {
	main, other := newTestMirror(t), newTestMirror(t)
	b := newTestBroker(t, fmt.Sprintf("upstreams: {main: %s, other: %s}\nroutes: [{host: a.test, path: /x, upstream: main}, {host: b.test, upstream: other}]\n", main.URL, other.URL))
	for target, want := range map[string]string{
		"http://a.test:80/x/./y?q=%zz": "GET /x/y?q=%zz a.test:80 ",
		"http://b.test":                "GET / b.test ",
		"HTTP://B.test?q":              "GET /?q B.test ",
	} {
		got := exchange(t, b.address, "GET "+target+" HTTP/1.1\r\nHost: b.test\r\nConnection: close\r\n\r\n")
		if got.StatusCode != http.StatusOK || !strings.HasPrefix(got.body, want) {
			t.Errorf("%s: got %s %q, want %q", target, got.Status, got.body, want)
		}
	}
	if n := main.requests.Load(); n != 1 {
		t.Errorf("requests at the upstream of a.test: got %d, want 1", n)
	}
	const line = "GET http://%s/ HTTP/1.1\r\nHost: b.test\r\nConnection: close\r\n\r\n"
	exchange(t, b.address, fmt.Sprintf(line, "a.test")).wantStatus(t, 404)
	exchange(t, b.address, fmt.Sprintf(line, "c.test")).wantStatus(t, 421)
}

func TestAbsoluteFormOfAnUpgrade(t *testing.T) {
	up := newTestMirror(t)
	b := newTestBroker(t, fmt.Sprintf("upstreams: {main: %s}\nroutes: [{host: b.test, path: /ws, upstream: main}]\n", up.URL))
	head := strings.Replace(upgradeHead, "GET /ws", "GET http://b.test/ws?a=b", 1)
	own := strings.Replace(head, "Upgrade:", "Origin: http://b.test\r\nUpgrade:", 1)
	foreign := strings.Replace(head, "Upgrade:", "Origin: http://app.example.com\r\nUpgrade:", 1) // the Host header's
	for request, status := range map[string]int{head: 101, own: 101, foreign: 403} {
		c := dialRaw(t, b.address)
		io.WriteString(c, request)
		resp, _ := readHead(t, c)
		if resp.StatusCode != status {
			t.Errorf("%q: got %s, want %d", request, resp.Status, status)
		}
	}
}

// TestSchemeOfTheTarget: it is the connection's, or what a trusted gateway says
// (RFC 9110, 7.4).
func TestSchemeOfTheTarget(t *testing.T) {
	up := newTestMirror(t)
	secure, trust := newTestTLSBroker(t, up.URL)
	plain, behind := newTestBroker(t, oneRoute(up.URL)), newTestBroker(t, "trusted_proxies: [127.0.0.1]\n"+oneRoute(up.URL))
	const forwarded = "X-Forwarded-Proto: https\r\n"
	for name, tt := range map[string]struct {
		broker       *broker
		scheme, more string
		status       int
	}{
		"https by TLS":                 {secure, "https", "", 200},
		"http by TLS":                  {secure, "http", "", 400},
		"http":                         {plain, "http", "", 200},
		"https":                        {plain, "https", "", 400},
		"https of whom nobody trusts":  {plain, "https", forwarded, 400},
		"https of a gateway":           {behind, "https", forwarded, 200},
		"http of a gateway":            {behind, "http", forwarded, 200},
		"https of a gateway of no TLS": {behind, "https", "", 400},
	} {
		t.Run(name, func(t *testing.T) {
			c := dialRaw(t, tt.broker.address)
			if tt.broker == secure {
				c = tls.Client(c, &tls.Config{RootCAs: trust.RootCAs, ServerName: "127.0.0.1"})
			}
			fmt.Fprintf(c, "GET %s://a/ HTTP/1.1\r\nHost: a\r\n%s\r\n", tt.scheme, tt.more)
			if resp, _ := readHead(t, c); resp.StatusCode != tt.status {
				t.Errorf("got %s, want %d", resp.Status, tt.status)
			}
		})
	}
}

// TestOptionsOfTheServer: who asks about the whole server is answered by the
// upstream of "/", or else by usher.
func TestOptionsOfTheServer(t *testing.T) {
	up := newTestRecorder(t)
	const ask = "OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
	for routes, forwarded := range map[string]bool{
		"{path: /, upstream: main}":                        true,
		"{path: /, exact: true, upstream: main}":           true,
		"{host: a, upstream: main}":                        true,
		"{path: /x, strip_prefix: /x, upstream: main}":     false,
		"{path: /, namespaces: {/: main}, origins: ['*']}": false,
	} {
		b := newTestBroker(t, fmt.Sprintf("upstreams: {main: %s}\nroutes: [%s]\n", up.url, routes))
		got, want := exchange(t, b.address, ask), ""
		if forwarded {
			want = "OPTIONS * a "
		}
		if seen := strings.Join(up.take(), "|"); got.StatusCode != 200 || seen != want {
			t.Errorf("%s: got %s, and the upstream saw %q, want 200 and %q", routes, got.Status, seen, want)
		}
		if allow := got.Header.Get("Allow"); forwarded == strings.Contains(allow, "OPTIONS") {
			t.Errorf("%s: got Allow %q", routes, allow)
		}
	}
	b := newTestBroker(t, fmt.Sprintf("upstreams: {main: %s}\nroutes: [{host: b, upstream: main}]\n", up.url))
	exchange(t, b.address, ask).wantStatus(t, 421)
}

// TestEmptyLineWhileAnAnswerIsAwaited: it does not reach net/http, which would
// take it for a request, nor what follows a handshake.
func TestEmptyLineWhileAnAnswerIsAwaited(t *testing.T) {
	more := make(chan struct{})
	up := newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-more
		}
		io.WriteString(w, r.URL.Path)
	})
	b := newTestBroker(t, oneRoute(up.URL))
	c := dialRaw(t, b.address)
	io.WriteString(c, "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
	wantSoon(t, "requests at the upstream", 1, up.requests.Load)
	io.WriteString(c, "\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n")
	close(more)
	resp, br := readHead(t, c)
	io.Copy(io.Discard, resp.Body)
	next, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, _ := io.ReadAll(next.Body); next.StatusCode != 200 || string(body) != "/next" {
		t.Errorf("the next request: got %s %q, want 200", next.Status, body)
	}

	ws := newTestScript(t, func(c net.Conn, r *http.Request) {
		io.WriteString(c, accepted(r))
		untilClosed(c)
	})
	b = newTestBroker(t, oneRoute(ws.url))
	c = dialRaw(t, b.address)
	io.WriteString(c, upgradeHead+"\r\n\x81\x80\x00\x00\x00\x00")
	_, br = readHead(t, c)
	if got, _ := io.ReadAll(br); len(got) < 4 || string(got[2:4]) != "\x03\xea" {
		t.Errorf("an empty line in place of a frame: got %q, want a Close with code 1002", got)
	}
}
