package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// byTransport are the requests by which a page reaches an Engine.IO server, as
// heads without Host and what tells the page.
var byTransport = map[string]string{
	"polling":             "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nConnection: close\r\n",
	"polling, escaped":    "GET /socket.io/?%45IO=4&tr%61nsport=p%6Flling HTTP/1.1\r\nConnection: close\r\n",
	"polling without EIO": "GET /socket.io/?transport=polling HTTP/1.1\r\nConnection: close\r\n",
	"POST":                "POST /socket.io/?EIO=4&transport=polling&sid=x HTTP/1.1\r\nConnection: close\r\nContent-Length: 0\r\n",
	"preflight":           "OPTIONS /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nConnection: close\r\nAccess-Control-Request-Method: POST\r\n",
	"JSONP":               "GET /socket.io/?EIO=3&transport=polling&j=0 HTTP/1.1\r\nConnection: close\r\n",
	"WebSocket": "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n",
}

// listedOrigins is the rule of both routes that pages try.
const listedOrigins = "origins: [https://app.example.com, 'https://*.example.com']"

// originRoutes are brokers with one route each: with one upstream, and with
// namespaces.
func originRoutes(t *testing.T, origins string) map[string]*broker {
	t.Helper()
	_, urls := newPollees(t, 2)
	main := newTestService(t, "main")
	return map[string]*broker{
		"one upstream": newTestBroker(t, fmt.Sprintf("upstreams: {main: [%s]}\nroutes:\n  - upstream: main\n    %s\n", pair(urls), origins)),
		"namespaces":   newTestBroker(t, fmt.Sprintf("upstreams: {main: %s}\nroutes:\n  - path: /socket.io\n    namespaces: {/: main}\n    %s\n", main.URL, origins)),
	}
}

// status sends a head and returns the status of the answer.
func (b *broker) status(t *testing.T, head string) int {
	t.Helper()
	c := dialRaw(t, b.address)
	defer c.Close()
	io.WriteString(c, head)
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%.60q: %v", head, err)
	}
	res.Body.Close()
	return res.StatusCode
}

// Rows 7 and 53 of the attacks: one rule, whatever the transport is.
func TestOriginByEveryTransport(t *testing.T) {
	pages := []struct {
		lines  string
		listed bool
	}{
		{"", true},
		{"Origin: https://app.example.com\r\n", true},
		{"Origin: HTTPS://App.Example.Com:443\r\n", true},
		{"Origin: https://pr-1.example.com\r\n", true},
		{"Origin: https://a.b.example.com:443\r\n", true},
		{"Origin: http://edge.test\r\n", true},
		{"Origin: https://edge.test:443\r\n", true},
		{"Origin: https://example.com\r\n", false},
		{"Origin: null\r\n", false},
		{"Origin: \r\n", false},
		{"Origin: http://pr-1.example.com\r\n", false},
		{"Origin: https://pr-1.example.com:444\r\n", false},
		{"Origin: https://pr-1.example.com.\r\n", false},
		{"Origin: https://edge.test.\r\n", false},
		{"Origin: https://a.example.com.evil.example\r\n", false},
		{"Origin: https://evilexample.com\r\n", false},
		{"Origin: https://evil.example@a.example.com\r\n", false},
		{"Origin: https://[::1]\r\n", false},
		{"Origin: https://[::1].example.com\r\n", false},
		{"Origin: https://app.example.com, https://evil.example\r\n", false},
		{"Origin: https://app.example.com\r\nOrigin: https://app.example.com\r\n", false},
		{"Origin: https://app.example.com\r\nOrigin: https://evil.example\r\n", false},
	}
	for route, b := range originRoutes(t, listedOrigins) {
		for name, request := range byTransport {
			t.Run(route+", "+name, func(t *testing.T) {
				for _, page := range pages {
					line, _, _ := strings.Cut(page.lines, "\r\n")
					if name == "JSONP" && line == "" {
						continue // a test of its own
					}
					got := b.status(t, request+"Host: edge.test\r\n"+page.lines+"\r\n")
					refused := got == http.StatusForbidden || got == http.StatusBadRequest && strings.Count(page.lines, "Origin") == 2
					if refused == page.listed {
						t.Errorf("%q: got %d, want it let in: %t", page.lines, got, page.listed)
					}
				}
			})
		}
	}
}

// Row 53: a script of a foreign page has no Origin.
func TestOriginOfJSONP(t *testing.T) {
	for route, b := range originRoutes(t, listedOrigins) {
		for lines, listed := range map[string]bool{
			"":                                     false,
			"Sec-Fetch-Site: cross-site\r\n":       false,
			"Sec-Fetch-Site: same-origin\r\n":      true,
			"Referer: https://evil.example/\r\n":   false,
			"Referer: http://edge.test/shop\r\n":   true,
			"Referer: https://a.example.com/x\r\n": true,
			"Referer: https://example.com/x\r\n":   false,
			"Sec-Fetch-Site: cross-site\r\nReferer: https://a.example.com/\r\n": true,
		} {
			if got := b.status(t, byTransport["JSONP"]+"Host: edge.test\r\n"+lines+"\r\n"); (got == http.StatusOK) != listed || got == http.StatusForbidden == listed {
				t.Errorf("%s: %q: got %d, want it let in: %t", route, lines, got, listed)
			}
		}
	}
}

// Nothing reaches the upstream of a page that is kept out, and what is no
// Engine.IO stays the upstream's matter.
func TestForeignPollingNeverReachesTheUpstream(t *testing.T) {
	list, urls := newPollees(t, 1)
	b := newTestBroker(t, "upstreams: {main: "+urls[0]+"}\nroutes:\n  - upstream: main\n")
	const foreign = "Host: edge.test\r\nOrigin: https://shop.example\r\n\r\n"
	for range 3 {
		for name, request := range byTransport {
			if name == "JSONP" {
				continue
			}
			if got := b.status(t, request+foreign); got != http.StatusForbidden {
				t.Errorf("%s: got %d, want 403", name, got)
			}
		}
	}
	if n := list[0].requests.Load(); n != 0 {
		t.Errorf("requests upstream: got %d, want none", n)
	}
	b.wantWarnings(t, "origins: [https://shop.example] at the route of line 4")
	if n := b.Stats().Refusals["origin"]; n != 3*6 {
		t.Errorf("refusals: got %d, want %d", n, 3*6)
	}
	for _, path := range []string{"/", "/api?transport=x", "/socket.io/socket.io.js", "/events?sid=x&j=0"} {
		if got := b.status(t, "GET "+path+" HTTP/1.1\r\nConnection: close\r\n"+foreign); got == http.StatusForbidden {
			t.Errorf("%s: got 403, want the upstream's answer", path)
		}
	}
}

// wantWarnings wants a warning of refusals, each of which says what to do.
func (b *broker) wantWarnings(t *testing.T, hint string) {
	t.Helper()
	lines := b.log.lines(t, "request refused")
	for _, line := range lines {
		if got := fmt.Sprint(line["hint"]); !strings.Contains(got, hint) || line["level"] != "WARN" {
			t.Errorf("hint: got %q as %v, want a warning with %q", got, line["level"], hint)
		}
	}
	if len(lines) == 0 {
		t.Error("got no line, want some")
	}
}

// Servers differ in what makes a request theirs: python-engineio polls where no
// transport is named, and takes the first of two.
func TestForeignPollingInDisguise(t *testing.T) {
	list, urls := newPollees(t, 1)
	b := newTestBroker(t, "upstreams: {main: "+urls[0]+"}\nroutes:\n  - upstream: main\n")
	for _, query := range []string{"EIO=4", "EIO=4&sid=x", "EIO=4&j=0", "EIO=4&transport=polling&transport=x", "%45IO=4"} {
		if got := b.status(t, "GET /socket.io/?"+query+" HTTP/1.1\r\nConnection: close\r\nHost: edge.test\r\nOrigin: https://shop.example\r\n\r\n"); got != http.StatusForbidden {
			t.Errorf("%s: got %d, want 403", query, got)
		}
	}
	if n := list[0].requests.Load(); n != 0 {
		t.Errorf("requests upstream: got %d, want none", n)
	}
}
