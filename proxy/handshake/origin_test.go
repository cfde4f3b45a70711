package handshake

import (
	"net/http"
	"strings"
	"testing"
)

// Rows 7 and 53 of the attacks, for every way in which a page says where it
// comes from.
func TestOriginRule(t *testing.T) {
	const host = "edge.example.org"
	listed := []string{
		"https://app.example.com", "https://*.example.com", "http://*.example.net:8080", "https://[2001:db8::1]:8443", "file://", "capacitor://localhost",
	}
	for _, tt := range []struct {
		origin string
		ok     bool
	}{
		{"https://app.example.com", true},
		{"https://app.example.com:443", true},
		{"HTTPS://APP.EXAMPLE.COM", true},
		{"https://pr-17.example.com", true},
		{"https://a.b_c.example.com", true},
		{"https://PR-17.Example.COM:443", true},
		{"http://x.example.net:8080", true},
		{"https://[2001:db8::1]:8443", true},
		{"file://", true},
		{"capacitor://localhost", true},
		{"https://" + host, true},
		{"http://" + host, true},

		{"null", false},
		{"", false},
		{"https://", false},
		{"http://", false},
		{"https://example.com", false}, // the bare suffix
		{"https://example.com:443", false},
		{"https://.example.com", false},
		{"https://..example.com", false},
		{"https://a..example.com", false},
		{"https://*.example.com", false},
		{"https://evilexample.com", false},
		{"https://example.com.evil.example", false},
		{"https://a.example.com.evil.example", false},
		{"https://app.example.com.", false},
		{"https://a.example.com.", false},
		{"https://a.example.com:80", false},
		{"https://a.example.com:8443", false},
		{"https://a.example.com:", false},
		{"https://a.example.com:443:443", false},
		{"http://a.example.com", false},
		{"http://a.example.com:443", false},
		{"wss://a.example.com", false},
		{"http://x.example.net", false},
		{"http://x.example.net:80", false},
		{"http://example.net:8080", false},
		{"https://x.example.net:8080", false},
		{"https://evil.example:1.example.com", false},
		{"https://evil.example/.example.com", false},
		{"https://evil.example#.example.com", false},
		{"https://evil.example?.example.com", false},
		{"https://evil.example\\.example.com", false},
		{"https://evil.example@a.example.com", false},
		{"https://a.example.com@evil.example", false},
		{"https://user:secret@app.example.com", false},
		{"https://evil.example%2f.example.com", false},
		{"https://evil.example\t.example.com", false},
		{"https://evil.example .example.com", false},
		{"https://evil.example,https://a.example.com", false},
		{"https://evil.example https://a.example.com", false},
		{"https://[2001:db8::1].example.com", false},
		{"https://[::1]:8443", false},
		{"https://2001:db8::1:8443", false},
		{"https://[2001:db8::1]", false},
		{"https://a.\u212a.example.com", false}, // the Kelvin sign, whose lower case is a k
		{"file://evil.example", false},
		{"data://", false},
		{"capacitor://", false},
		{"https://" + host + ".", false},
		{"https://" + host + ":8443", false},
		{"ftp://" + host, false},
	} {
		t.Run(tt.origin, func(t *testing.T) {
			origin := http.Header{"Origin": {tt.origin}}
			wantRule(t, "upgrade", checkOrigin(origin["Origin"], host, listed), tt.ok)
			wantRule(t, "polling", checkPage(origin, false, host, listed), tt.ok)
			wantRule(t, "JSONP with an Origin", checkPage(origin, true, host, listed), tt.ok)
			wantRule(t, "any", checkOrigin(origin["Origin"], host, []string{"*"}), true)
		})
	}
}

func wantRule(t *testing.T, what string, err error, ok bool) {
	t.Helper()
	if (err == nil) != ok {
		t.Errorf("%s: got %v, want it let in: %t", what, err, ok)
	}
}

// A script tells no Origin, whose page reads what it gets all the same.
func TestOriginOfScripts(t *testing.T) {
	const host = "edge.example.org"
	listed := []string{"https://*.example.com"}
	for _, tt := range []struct {
		name string
		head http.Header
		ok   bool
	}{
		{"nothing at all", nil, false},
		{"the own page", http.Header{"Sec-Fetch-Site": {"same-origin"}}, true},
		{"by hand", http.Header{"Sec-Fetch-Site": {"none"}}, true},
		{"another page", http.Header{"Sec-Fetch-Site": {"cross-site"}}, false},
		{"a sibling", http.Header{"Sec-Fetch-Site": {"same-site"}}, false},
		{"a listed page", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Referer": {"https://a.example.com/shop?x"}}, true},
		{"an old browser's own page", http.Header{"Referer": {"http://" + host + "/a?b#c"}}, true},
		{"an old browser's listed page", http.Header{"Referer": {"https://a.example.com"}}, true},
		{"a foreign page", http.Header{"Referer": {"https://evil.example/https://a.example.com/"}}, false},
		{"a foreign page with a user", http.Header{"Referer": {"https://a.example.com@evil.example/"}}, false},
		{"two pages", http.Header{"Referer": {"https://a.example.com/", "https://evil.example/"}}, false},
		{"no URL", http.Header{"Referer": {"a.example.com"}}, false},
		{"two answers", http.Header{"Sec-Fetch-Site": {"same-origin", "cross-site"}}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantRule(t, "JSONP", checkPage(tt.head, true, host, listed), tt.ok)
			wantRule(t, "no JSONP", checkPage(tt.head, false, host, listed), true)
			wantRule(t, "any", checkPage(tt.head, true, host, []string{"*"}), true)
		})
	}
}

// The log says of each what is wrong with it.
func TestOriginHints(t *testing.T) {
	for _, tt := range []struct {
		name   string
		head   http.Header
		script bool
		want   string
	}{
		{"foreign", http.Header{"Origin": {"https://evil.example"}}, false, "add https://evil.example to"},
		{"opaque", http.Header{"Origin": {"null"}}, true, "opaque"},
		{"mistyped", http.Header{"Origin": {"app.example.com"}}, false, "SCHEME://HOST"},
		{"several in one", http.Header{"Origin": {"https://a.example, https://b.example"}}, true, "SCHEME://HOST"},
		{"empty", http.Header{"Origin": {""}}, true, "SCHEME://HOST"},
		{"script without Referer", nil, true, "Referer"},
		{"script with a Referer that is none", http.Header{"Referer": {"https://a@b.example/"}}, true, "Referer"},
		{"script of a foreign page", http.Header{"Referer": {"https://evil.example/x"}}, true, "add https://evil.example to"},
	} {
		e, ok := checkPage(tt.head, tt.script, "edge.example.org", []string{"https://app.example.com"}).(*foreignError)
		if !ok || !strings.Contains(e.refusal.Hint, tt.want) {
			t.Errorf("%s: got %+v, want a hint with %q", tt.name, e, tt.want)
		}
	}
}
