package proxy_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
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
