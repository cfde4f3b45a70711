package headers

import (
	"crypto/tls"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"usher/proxy/config"
)

func newRequest(peer string, lines ...string) *http.Request {
	r := &http.Request{Host: "example.com", RemoteAddr: peer, Header: http.Header{}}
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ": ")
		r.Header.Add(name, value)
	}
	return r
}

func rulesOf(prefixes ...string) Rules {
	var rules Rules
	for _, p := range prefixes {
		rules.Trusted = append(rules.Trusted, netip.MustParsePrefix(p))
	}
	return rules
}

// apply returns the headers that go to the upstream.
func apply(rules Rules, r *http.Request, changes config.Headers) http.Header {
	h := r.Header.Clone()
	rules.Apply(h, rules.Sender(r), changes)
	return h
}

func wantHeader(t *testing.T, h http.Header, name string, want ...string) {
	t.Helper()
	if got := h[name]; !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", name, got, want)
	}
}

func TestHopByHopHeadersStay(t *testing.T) {
	h := apply(Rules{}, newRequest("192.0.2.1:5",
		"Connection: close, X-One ,x-two", "Connection: X-Forwarded-For,forwarded, x-request-id, cookie", "Keep-Alive: 1", "Proxy-Connection: x",
		"Te: x", "Trailer: x", "Transfer-Encoding: chunked", "Upgrade: h2c", "Http2-Settings: x", "Proxy-Authorization: x", "Proxy-Authenticate: x",
		"X-One: 1", "X-Two: 2", "X-Three: 3", "Cookie: a"), config.Headers{})
	for _, name := range []string{"Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
		"Http2-Settings", "Proxy-Authorization", "Proxy-Authenticate", "X-One", "X-Two", "Cookie"} {
		wantHeader(t, h, name)
	}
	wantHeader(t, h, "X-Three", "3")
	wantHeader(t, h, "X-Forwarded-For", "192.0.2.1")
	if len(h["Forwarded"]) != 1 || len(h["X-Request-Id"]) != 1 {
		t.Errorf("got %v, want ours in spite of the Connection header", h)
	}
}

func TestTwinsAreRemoved(t *testing.T) {
	r := newRequest("127.0.0.1:5")
	for _, name := range []string{"X_forwarded_for", "X-Forwarded_host", "X.Forwarded.For", "X_real_ip", "X_request_id",
		"Transfer_encoding", "Content_length", "X_user", "X_debug", "Http2_settings"} {
		r.Header[name] = []string{"6.6.6.6"}
	}
	r.Header["Api_key"] = []string{"kept"}
	h := apply(rulesOf("127.0.0.1/32"), r, config.Headers{
		Set: []config.Header{{Name: "X-User", Value: "me"}}, Remove: []string{"X-Debug"},
	})
	for name, values := range h {
		if slices.Contains(values, "6.6.6.6") {
			t.Errorf("%s: got %q, want it gone, also from a trusted peer", name, values)
		}
	}
	wantHeader(t, h, "Api_key", "kept")
	wantHeader(t, h, "X-User", "me")
}

func TestForwardingHeaders(t *testing.T) {
	said := []string{
		"X-Forwarded-For: 198.51.100.7", "X-Forwarded-For: 203.0.113.9:4000", "X-Forwarded-Host: shop.example.com", "X-Forwarded-Proto: https",
		"X-Forwarded-Port: 443", "X-Real-Ip: 198.51.100.7", "Forwarded: for=198.51.100.7", "X-Request-Id: outer",
	}
	tests := map[string]struct {
		peer, host string
		lines      []string
		want       map[string]string // "" for none
	}{
		"untrusted": {"192.0.2.1:5", "example.com", said, map[string]string{
			"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Host": "example.com", "X-Forwarded-Proto": "http", "X-Forwarded-Port": "",
			"X-Real-Ip": "192.0.2.1", "Forwarded": `for=192.0.2.1;host="example.com";proto=http`,
		}},
		"trusted": {"127.0.0.1:5", "inner", said, map[string]string{
			"X-Forwarded-For": "198.51.100.7, 203.0.113.9:4000, 127.0.0.1", "X-Forwarded-Host": "shop.example.com", "X-Forwarded-Proto": "https",
			"X-Forwarded-Port": "443", "X-Real-Ip": "198.51.100.7", "X-Request-Id": "outer",
			"Forwarded": `for=198.51.100.7, for=127.0.0.1;host="shop.example.com";proto=https`,
		}},
		"trusted and silent": {"127.0.0.1:5", "example.com", nil, map[string]string{
			"X-Forwarded-For": "127.0.0.1", "X-Real-Ip": "127.0.0.1", "Forwarded": `for=127.0.0.1;host="example.com";proto=http`,
		}},
		"ipv6": {"[2001:db8::1]:5", `exa"mple`, nil, map[string]string{
			"X-Forwarded-For": "2001:db8::1", "Forwarded": `for="[2001:db8::1]";host="exa\"mple";proto=http`,
		}},
		"mapped ipv4": {"[::ffff:127.0.0.1]:5", "example.com", []string{"X-Forwarded-For: 192.0.2.1"}, map[string]string{
			"X-Forwarded-For": "192.0.2.1, 127.0.0.1",
		}},
		"no address": {"@", "example.com", said, map[string]string{
			"X-Forwarded-For": "unknown", "X-Real-Ip": "unknown", "Forwarded": `for=unknown;host="example.com";proto=http`,
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRequest(tt.peer, tt.lines...)
			r.Host = tt.host
			h := apply(rulesOf("127.0.0.1/32"), r, config.Headers{})
			for name, want := range tt.want {
				if got := strings.Join(h[name], "|"); got != want {
					t.Errorf("%s: got %q, want %q", name, got, want)
				}
			}
		})
	}
}

func TestProtoOfTLS(t *testing.T) {
	r := newRequest("192.0.2.1:5")
	r.TLS = &tls.ConnectionState{}
	wantHeader(t, apply(Rules{}, r, config.Headers{}), "X-Forwarded-Proto", "https")
}

func TestRouteChangesComeLast(t *testing.T) {
	h := apply(Rules{}, newRequest("192.0.2.1:5", "Cookie: a", "X-A: 1"), config.Headers{
		Set:    []config.Header{{Name: "X-Forwarded-For", Value: "hidden"}, {Name: "X-A", Value: "2"}, {Name: "Upgrade", Value: "h2c"}, {Name: "Host", Value: "inner"}},
		Remove: []string{"Cookie", "X-Real-Ip", "X-A", "Connection"},
	})
	wantHeader(t, h, "X-Forwarded-For", "hidden")
	wantHeader(t, h, "X-A", "2")
	wantHeader(t, h, "Cookie")
	wantHeader(t, h, "X-Real-Ip")
	wantHeader(t, h, "Upgrade")
	if got := TakeHost(h, "asked"); got != "inner" {
		t.Errorf("TakeHost: got %q, want the route's", got)
	}
	if got := TakeHost(h, "asked"); got != "asked" {
		t.Errorf("TakeHost without one: got %q, want what was asked for", got)
	}
}
