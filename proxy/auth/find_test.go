package auth

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"usher/proxy/config"
)

// The token of a request is that of the first place that has one, and of none if a
// place has two.
func TestFind(t *testing.T) {
	everywhere := []config.TokenSource{{Place: config.FromAuthorization}, {Place: config.FromCookie, Name: "token"}, {Place: config.FromQuery, Name: "tok en"}, {Place: config.FromSubprotocol, Name: "bearer."}}
	head := func(lines ...string) http.Header {
		h := make(http.Header)
		for i := 0; i < len(lines); i += 2 {
			h.Add(lines[i], lines[i+1])
		}
		return h
	}
	tests := []struct {
		name, target string
		head         http.Header
		token        string
		err          error
	}{
		{"nothing", "/", head(), "", errNone},
		{"authorization", "/", head("Authorization", "Bearer a.b.c"), "a.b.c", nil},
		{"lower case", "/", head("Authorization", "bearer  a.b.c "), "a.b.c", nil},
		{"another scheme", "/", head("Authorization", "Basic YTpi"), "", errNone},
		{"another scheme, and a cookie", "/", head("Authorization", "Basic YTpi", "Cookie", "token=a.b.c"), "a.b.c", nil},
		{"authorization twice", "/", head("Authorization", "Bearer a", "Authorization", "Bearer b"), "", errSeveral},
		{"beside another scheme", "/", head("Authorization", "Basic YTpi", "Authorization", "Bearer b"), "", errSeveral},
		{"nothing behind it", "/", head("Authorization", "Bearer "), "", errNone},
		{"cookie", "/", head("Cookie", "x=1; token=a.b.c"), "a.b.c", nil},
		{"cookie twice", "/", head("Cookie", "token=a; token=b"), "", errSeveral},
		{"cookie in two lines", "/", head("Cookie", "token=a", "Cookie", "token=b"), "", errSeveral},
		{"cookie of another case", "/", head("Cookie", "Token=a"), "", errNone},
		{"query", "/?x=1&tok%20en=a.b%2Ec", head(), "a.b.c", nil},
		{"query twice", "/?tok+en=a&tok+en=b", head(), "", errSeveral},
		{"query that is none", "/?tok+en=%zz", head(), "", errNone},
		{"subprotocol", "/", head("Sec-WebSocket-Protocol", "chat, bearer.a.b.c"), "a.b.c", nil},
		{"subprotocol twice", "/", head("Sec-WebSocket-Protocol", "bearer.a", "Sec-WebSocket-Protocol", "bearer.b"), "", errSeveral},
		{"the first place", "/?tok+en=q", head("Authorization", "Bearer a", "Cookie", "token=c"), "a", nil},
	}
	for _, tt := range tests {
		r := httptest.NewRequest("GET", tt.target, nil)
		r.Header = tt.head
		if got, err := find(r, everywhere); got != tt.token || err != tt.err {
			t.Errorf("%s: got %q, %v, want %q, %v", tt.name, got, err, tt.token, tt.err)
		}
	}
}
