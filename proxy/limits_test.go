package proxy_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"usher/proxy/config"
)

// echoAndPages is an upstream of both.
func echoAndPages(w http.ResponseWriter, r *http.Request) {
	if websocket.IsWebSocketUpgrade(r) {
		echo(w, r)
		return
	}
	io.WriteString(w, "page")
}

// wantOutcome opens a socket, or is told that status.
func wantOutcome(t *testing.T, what, address, path string, head http.Header, status int) *websocket.Conn {
	t.Helper()
	c, resp, err := (&websocket.Dialer{HandshakeTimeout: patience}).Dial("ws://"+address+path, head)
	if resp == nil {
		t.Fatalf("%s: %v", what, err)
	}
	if resp.StatusCode != status {
		t.Errorf("%s: got %s, want %d", what, resp.Status, status)
	}
	if err == nil {
		t.Cleanup(func() { c.Close() })
	} else if resp.StatusCode == 429 && resp.Header.Get("Retry-After") == "" {
		t.Errorf("%s: got no Retry-After", what)
	}
	return c
}

// Sessions are counted from before the endpoint is asked to their end, by route and
// address, in both relays.
func TestSessionLimitsOfSockets(t *testing.T) {
	up := newTestBackend(t, echoAndPages)
	for _, relay := range []string{"frames", "messages"} {
		t.Run(relay, func(t *testing.T) {
			b := newTestBroker(t, fmt.Sprintf(`trusted_proxies: 127.0.0.1
limits: {sessions: 3, sessions_per_address: 2, exempt: 10.0.0.0/8}
upstreams: {main: %q}
routes:
  - {path: /, upstream: main, relay: %s}
  - {path: /own, upstream: main, relay: %s, limits: {sessions_per_address: 1}}
`, up.URL, relay, relay))
			from := func(client string) http.Header { return http.Header{"X-Forwarded-For": {client}} }
			first := wantOutcome(t, "first", b.address, "/", from("192.0.2.1"), 101)
			wantOutcome(t, "second", b.address, "/", from("192.0.2.1"), 101)
			before := up.requests.Load()
			wantOutcome(t, "third of the address", b.address, "/", from("192.0.2.1"), 429)
			if up.requests.Load() != before {
				t.Error("the upstream has heard of it")
			}
			wantOutcome(t, "exempt", b.address, "/", from("10.0.0.1"), 101)
			wantOutcome(t, "of IPv6", b.address, "/", from("2001:db8::1"), 101)
			wantOutcome(t, "fourth of all", b.address, "/", from("192.0.2.3"), 503)
			wantOutcome(t, "own, of the others' sessions", b.address, "/own", from("192.0.2.1"), 503)
			first.Close()
			wantSoon(t, "sessions", 3, func() int { return b.Stats().Sessions.Open })
			wantSoon(t, "own, when one has left", 101, func() int {
				c, resp, err := (&websocket.Dialer{}).Dial("ws://"+b.address+"/own", from("192.0.2.1"))
				if err == nil {
					t.Cleanup(func() { c.Close() })
				}
				return resp.StatusCode
			})
			wantOutcome(t, "own, second", b.address, "/own", from("192.0.2.1"), 503)
			if got := b.Stats().Refusals["limit"]; got < 4 {
				t.Errorf("refusals: got %d, want four at least", got)
			}
		})
	}
}

// A handshake that comes to nothing gives its seat back.
func TestSessionLimitIsGivenBack(t *testing.T) {
	up := newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/no" {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		echo(w, r)
	})
	for _, relay := range []string{"frames", "messages"} {
		b := newTestBroker(t, fmt.Sprintf("limits: {sessions: 1}\nupstreams: {main: %q, gone: 'http://127.0.0.1:1'}\nroutes:\n  - {path: /, upstream: main, relay: %s}\n  - {path: /gone, upstream: gone, relay: %s}\n", up.URL, relay, relay))
		for range 3 {
			wantOutcome(t, relay+" refused by the upstream", b.address, "/no", nil, 401)
			wantOutcome(t, relay+" not reached", b.address, "/gone", nil, 502)
			wantOutcome(t, relay+" of a foreign page", b.address, "/", http.Header{"Origin": {"https://b"}}, 403)
		}
		c := wantOutcome(t, relay, b.address, "/", nil, 101)
		wantEcho(t, c, websocket.TextMessage, []byte("hi"))
		wantOutcome(t, relay+" second", b.address, "/", nil, 503)
	}
}

// A handshake that is refused for another reason is one request, whoever has looked
// at it before.
func TestRequestLimitCountsOnce(t *testing.T) {
	up := newTestBackend(t, echo)
	b := newTestBroker(t, fmt.Sprintf("limits: {requests_per_address: {rate: 1, burst: 3}}\nupstreams: {main: %q}\nroutes: [{upstream: main}]\n", up.URL))
	for _, why := range []string{"first", "second", "third"} {
		wantOutcome(t, why+" of a foreign page", b.address, "/", http.Header{"Origin": {"https://b"}}, 403)
	}
}

// Requests of an address are counted by pages and handshakes together.
func TestRequestLimits(t *testing.T) {
	up := newTestBackend(t, echoAndPages)
	text := func(rate int) string {
		return fmt.Sprintf("trusted_proxies: 127.0.0.1\nlimits: {requests_per_address: {rate: %d, burst: 4}}\nupstreams: {main: %q}\nroutes:\n  - {upstream: main}\n  - {path: /own, upstream: main, limits: {requests_per_address: {rate: 1}}}\n", rate, up.URL)
	}
	b := newTestBroker(t, text(1))
	page := func(path, client string) answer {
		return exchangeOf(t, b.address, "GET "+path+" HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: "+client+"\r\n\r\n")
	}
	from := http.Header{"X-Forwarded-For": {"192.0.2.1"}}
	began := time.Now()
	wantOutcome(t, "first", b.address, "/", from, 101)
	wantOutcome(t, "second", b.address, "/", from, 101)
	page("/", "192.0.2.1").wantOK(t)
	page("/", "192.0.2.1").wantOK(t)
	if time.Since(began) < time.Second {
		wantOutcome(t, "fifth", b.address, "/", from, 429)
		got := page("/", "192.0.2.1")
		if got.StatusCode != 429 || got.Header.Get("Retry-After") != "1" {
			t.Errorf("sixth: got %s %v, want 429 with Retry-After", got.Status, got.Header)
		}
		if got := b.Stats().Refusals["rate"]; got != 2 {
			t.Errorf("refusals: got %d, want 2", got)
		}
	}
	page("/", "192.0.2.2").wantOK(t)
	page("/own", "192.0.2.1").wantOK(t)
	b.reload(t, text(1000))
	page("/", "192.0.2.1") // from here on the bucket fills faster
	for range 4 {
		time.Sleep(2 * time.Millisecond) // it is the time that is tested
		page("/", "192.0.2.1").wantOK(t)
	}
}

func (a answer) wantOK(t *testing.T) {
	t.Helper()
	if a.StatusCode != http.StatusOK {
		t.Errorf("got %s, want 200", a.Status)
	}
}

// wantClosedAtOnce opens a connection that must be closed before anything is said.
func wantClosedAtOnce(t *testing.T, what, address string) {
	t.Helper()
	c := dialRaw(t, address)
	if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("%s: got %d bytes, %v, want the end", what, n, err)
	} else if ne, ok := err.(net.Error); ok && ne.Timeout() {
		t.Errorf("%s: still open", what)
	}
}

// Connections of an address are counted from the accept to their end, whatever
// becomes of them: half a head, a page, a socket.
func TestConnectionLimits(t *testing.T) {
	up := newTestBackend(t, echoAndPages)
	dir := t.TempDir()
	text := func(most int, more string) string {
		return fmt.Sprintf("listen: ['127.0.0.1:0', {address: '127.0.0.1:0', tls: true}, {address: '127.0.0.1:0', proxy_protocol: 127.0.0.1}]\ntls: {internal: true}\nlimits: {connections_per_address: %d}\n%s%s", most, more, oneRoute(up.URL))
	}
	b := newTestBrokerIn(t, dir, text(4, ""))
	secure := b.Addresses()[1].String()
	half := dialRaw(t, b.address)
	io.WriteString(half, "GET / HTTP/1.1\r\n")
	kept := dialRaw(t, b.address)
	io.WriteString(kept, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if resp, _ := readHead(t, kept); resp.StatusCode != 200 {
		t.Errorf("page: got %s", resp.Status)
	}
	socket := wantOutcome(t, "socket", b.address, "/", nil, 101)
	trust := &tls.Config{RootCAs: mustTrust(t, filepath.Join(dir, "certs", "internal", "root.crt")), ServerName: "localhost", NextProtos: []string{"h2"}}
	h2, err := tls.Dial("tcp", secure, trust)
	if err != nil {
		t.Fatal(err)
	}
	wantClosedAtOnce(t, "fifth", b.address)
	wantClosedAtOnce(t, "fifth, of TLS", secure)
	announced := dialRaw(t, b.Addresses()[2].String())
	io.WriteString(announced, "PROXY TCP4 192.0.2.1 127.0.0.1 1 2\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if resp, _ := readHead(t, announced); resp.StatusCode != 200 {
		t.Errorf("announced: got %s", resp.Status)
	}
	for what, one := range map[string]io.Closer{"half": half, "kept": kept, "socket": socket, "h2": h2} {
		one.Close()
		wantSoon(t, "page when "+what+" has gone", true, func() bool {
			c := dialRaw(t, b.address)
			defer c.Close()
			io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
			head, _ := io.ReadAll(c)
			return len(head) > 0
		})
		wantSoon(t, "full again", true, func() bool {
			c := dialRaw(t, b.address) // in its place
			io.WriteString(c, "GET ")
			c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			_, err := c.Read(make([]byte, 1))
			ne, ok := err.(net.Error)
			return !ok || !ne.Timeout()
		})
	}
	if n := b.Stats().Refusals["connections"]; n < 2 {
		t.Errorf("refusals: got %d, want some", n)
	}
	if lines := b.log.lines(t, "connection refused"); len(lines) == 0 || lines[0]["client"] != "127.0.0.1" {
		t.Errorf("log: got %v", lines)
	}
	for _, more := range []string{text(0, ""), text(1, "trusted_proxies: 127.0.0.1\n"), text(1, "") + "# "} {
		cfg, err := config.Parse(filepath.Join(dir, "routes.yaml"), []byte(more), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Reload(cfg); err != nil {
			t.Fatal(err)
		}
		if more[len(more)-1] != ' ' {
			wantPage(t, b.address)
		}
	}
	wantClosedAtOnce(t, "reloaded", b.address)
}
