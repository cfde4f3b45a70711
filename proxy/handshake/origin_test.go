package handshake

import (
	"net/http"
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
