package affinity

import (
	"strings"
	"testing"
)

func TestSockJS(t *testing.T) {
	for path, want := range map[string]string{
		"/sock/042/abc/xhr":            "abc",
		"/sock/042/abc/xhr_send":       "abc",
		"/sock/042/abc/xhr_streaming":  "abc",
		"/sock/042/abc/eventsource":    "abc",
		"/sock/042/abc/htmlfile":       "abc",
		"/sock/042/abc/jsonp":          "abc",
		"/sock/042/abc/jsonp_send":     "abc",
		"/sock/042/abc/xhr/":           "abc",
		"/a/b/sock/7/a-b_c/xhr":        "a-b_c",
		"/042/abc/xhr":                 "abc",
		"/sock/1/" + long(64) + "/xhr": long(64),
		"/sock/042/abc/websocket":      "", // one request is the whole session
		"/sock/042/abc/xhr//":          "",
		"/sock/042/abc/XHR":            "",
		"/sock/042/abc/info":           "",
		"/sock/info":                   "",
		"/sock/042//xhr":               "",
		"/sock//abc/xhr":               "",
		"/sock/042/a.b/xhr":            "",
		"/users/me/profile/xhr":        "", // a path of anybody's
		"/sock/12345/abc/xhr":          "",
		"/sock/1/" + long(65) + "/xhr": "",
		"xhr":                          "",
		"/xhr":                         "",
		"/abc/xhr":                     "",
		"":                             "",
		"/":                            "",
	} {
		if got, ok := SockJS(path); got != want && ok || ok != (want != "") {
			t.Errorf("%q: got %q, %t, want %q", path, got, ok, want)
		}
	}
}

func long(n int) string { return strings.Repeat("x", n) }

func TestSessionsAreRemembered(t *testing.T) {
	g := NewGuide([]byte("secret"))
	if got := g.Session("abc"); got != "" {
		t.Errorf("never seen: got %q, want none", got)
	}
	g.HasSession("abc", endpoints[1])
	if got := g.Next([]byte("another")).Session("abc"); got != endpoints[1] {
		t.Errorf("after a reload: got %q, want %q", got, endpoints[1])
	}
	if _, err := g.Lead("EIO=3&transport=polling&sid=abc", endpoints); err == nil {
		t.Error("a sid of that name: got an endpoint, want none")
	}
}
