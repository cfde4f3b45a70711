package proxy_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

func cookieOf(head http.Header) *http.Cookie {
	for _, c := range (&http.Response{Header: head}).Cookies() {
		if strings.HasPrefix(c.Name, "usher_") {
			return c
		}
	}
	return nil
}

// A cookie leads plain requests and sockets alike, until its endpoint is gone.
func TestAffinityByCookie(t *testing.T) {
	list, urls := newPollees(t, 4)
	b := newTestBroker(t, "trusted_proxies: 127.0.0.1\nupstreams: {main: {endpoints: ["+pair(urls)+"], affinity: cookie}}"+affinityRoutes)
	for _, first := range []string{"plain", "/socket", "/messages/socket"} {
		head := http.Header{"X-Forwarded-Proto": {"https"}}
		var told http.Header
		if first == "plain" {
			_, _, told = b.newPoller(t, "a=b").ask(t.Context(), "GET", "", "X-Forwarded-Proto", "https")
		} else {
			c, res := b.dial(t, first, head)
			c.Close()
			told = res.Header
		}
		cookie := cookieOf(told)
		if cookie == nil || !cookie.HttpOnly || !cookie.Secure || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" {
			t.Fatalf("%s: got cookie %v", first, cookie)
		}
		if strings.Contains(cookie.String(), "main") {
			t.Errorf("%s: got cookie %v, which tells a name", first, cookie)
		}
		text := cookie.Name + "=" + cookie.Value
		name := ""
		for i := range 6 {
			status, _, got := b.newPoller(t, "a=b").ask(t.Context(), "GET", "", "Cookie", "x=1; "+text)
			if name == "" {
				name = got.Get("X-Served-By")
			}
			if status != 200 || got.Get("X-Served-By") != name || cookieOf(got) != nil {
				t.Errorf("%s, request %d: got %d by %s with cookie %v, want %s again", first, i, status, got.Get("X-Served-By"), cookieOf(got), name)
			}
			for _, path := range []string{"/a", "/messages/a"} {
				c, res := b.dial(t, path, http.Header{"Cookie": {text}})
				if _, got, err := c.ReadMessage(); err != nil || string(got) != name || cookieOf(res.Header) != nil {
					t.Errorf("%s, socket %s: got %q, %v with cookie %v, want %s again", first, path, got, err, cookieOf(res.Header), name)
				}
				c.Close()
			}
		}
		if first != "plain" {
			continue
		}
		gone := list[name[0]-'a']
		gone.CloseClientConnections()
		gone.Listener.Close()
		_, _, got := b.newPoller(t, "a=b").ask(t.Context(), "GET", "", "Cookie", text)
		if other := cookieOf(got); got.Get("X-Served-By") == name || other == nil || other.Value == cookie.Value || other.Secure {
			t.Errorf("its endpoint is gone: got %q and cookie %v, want another", got.Get("X-Served-By"), other)
		}
	}
}

// The cookie of a route that lists origins comes back from pages of other sites,
// which takes TLS.
func TestAffinityCookieOfOtherSites(t *testing.T) {
	_, urls := newPollees(t, 2)
	file := func(affinity string) string {
		return "upstreams: {main: {endpoints: [" + pair(urls) + "], affinity: " + affinity + "}}\n" +
			"routes: [{path: /own, upstream: main}, {path: /other, upstream: main, origins: https://app.example.com}]\n"
	}
	for _, tt := range []struct {
		affinity, path string
		tls            bool
		want           string
	}{
		{"cookie", "/own", true, "HttpOnly; Secure; SameSite=Lax"},
		{"cookie", "/other", true, "HttpOnly; Secure; SameSite=None"},
		{"cookie", "/own", false, "HttpOnly; SameSite=Lax"},
		{"cookie", "/other", false, "HttpOnly; SameSite=Lax"},
		{"{cookie: {same_site: none}}", "/own", true, "HttpOnly; Secure; SameSite=None"},
		{"{cookie: {same_site: none}}", "/own", false, "HttpOnly; Secure; SameSite=None"},
		{"{cookie: {same_site: lax}}", "/other", true, "HttpOnly; Secure; SameSite=Lax"},
		{"{cookie: {same_site: strict}}", "/other", true, "HttpOnly; Secure; SameSite=Strict"},
	} {
		t.Run(fmt.Sprint(tt.affinity, tt.path, " TLS ", tt.tls), func(t *testing.T) {
			scheme := ""
			var b *broker
			var trust *tls.Config
			if tt.tls {
				b, trust = newTestTLSBrokerOf(t, file(tt.affinity))
				scheme = "s"
			} else {
				b = newTestBroker(t, file(tt.affinity))
			}
			client := &http.Client{Transport: &http.Transport{TLSClientConfig: trust}}
			defer client.CloseIdleConnections()
			res, err := client.Get("http" + scheme + "://" + b.address + tt.path)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			c, handshake := dialWith(t, &websocket.Dialer{TLSClientConfig: trust, HandshakeTimeout: patience}, "ws"+scheme+"://"+b.address+tt.path, nil)
			c.Close()
			for what, head := range map[string]http.Header{"plain": res.Header, "WebSocket": handshake.Header} {
				if got := head.Get("Set-Cookie"); !strings.HasPrefix(got, "usher_") || !strings.HasSuffix(got, "; Path=/; "+tt.want) {
					t.Errorf("%s: got cookie %q, want %s", what, got, tt.want)
				}
			}
		})
	}
}

// Requests and sockets from one address come to one endpoint.
func TestAffinityByAddress(t *testing.T) {
	_, urls := newPollees(t, 4)
	b := newTestBroker(t, "trusted_proxies: 127.0.0.1\nupstreams: {main: {endpoints: ["+pair(urls)+"], affinity: ip}}"+affinityRoutes)
	used := make(map[string]bool)
	for i := range 12 {
		client := fmt.Sprintf("192.0.2.%d", i)
		_, _, head := b.newPoller(t, polling4).ask(t.Context(), "GET", "", "X-Forwarded-For", client)
		name := head.Get("X-Served-By")
		used[name] = true
		for range 2 {
			for _, path := range []string{"/a", "/messages/a"} {
				c, _ := b.dial(t, path, http.Header{"X-Forwarded-For": {client}})
				if _, got, err := c.ReadMessage(); err != nil || string(got) != name {
					t.Errorf("%s, socket %s: got %q, %v, want %s", client, path, got, err, name)
				}
				c.Close()
			}
		}
	}
	if len(used) < 3 {
		t.Errorf("endpoints that 12 clients come to: got %v, want most", used)
	}
}
