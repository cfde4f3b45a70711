package headers

import (
	"slices"
	"strings"
	"testing"
)

func TestClient(t *testing.T) {
	rules := rulesOf("127.0.0.0/8", "10.0.0.0/8", "2001:db8::/32")
	tests := map[string]struct {
		peer  string
		lines []string
		want  string
	}{
		"nobody else":               {"192.0.2.1:5", nil, "192.0.2.1"},
		"untrusted peer":            {"192.0.2.1:5", []string{"X-Forwarded-For: 198.51.100.7"}, "192.0.2.1"},
		"trusted peer":              {"127.0.0.1:5", []string{"X-Forwarded-For: 198.51.100.7"}, "198.51.100.7"},
		"silent trusted peer":       {"127.0.0.1:5", nil, "127.0.0.1"},
		"chain":                     {"127.0.0.1:5", []string{"X-Forwarded-For: 198.51.100.7, 10.0.0.1, 10.0.0.2"}, "198.51.100.7"},
		"chain in two lines":        {"127.0.0.1:5", []string{"X-Forwarded-For: 198.51.100.7", "X-Forwarded-For: 10.0.0.2"}, "198.51.100.7"},
		"forged before the first":   {"127.0.0.1:5", []string{"X-Forwarded-For: 6.6.6.6, 198.51.100.7, 10.0.0.2"}, "198.51.100.7"},
		"all trusted":               {"127.0.0.1:5", []string{"X-Forwarded-For: 10.0.0.1, 10.0.0.2"}, "10.0.0.1"},
		"garbage ends the walk":     {"127.0.0.1:5", []string{"X-Forwarded-For: 6.6.6.6, garbage, 10.0.0.2"}, "10.0.0.2"},
		"empty":                     {"127.0.0.1:5", []string{"X-Forwarded-For: "}, "127.0.0.1"},
		"with a port":               {"127.0.0.1:5", []string{"X-Forwarded-For: 198.51.100.7:1234"}, "198.51.100.7"},
		"ipv6":                      {"[2001:db8::1]:5", []string{"X-Forwarded-For: [2001:db9::7]"}, "2001:db9::7"},
		"ipv6 with a port":          {"[2001:db8::1]:5", []string{"X-Forwarded-For: [2001:db9::7]:80"}, "2001:db9::7"},
		"ipv6 zone":                 {"[2001:db8::1%eth0]:5", []string{"X-Forwarded-For: 2001:db9::7"}, "2001:db9::7"},
		"mapped ipv4 in the header": {"127.0.0.1:5", []string{"X-Forwarded-For: 198.51.100.7, ::ffff:10.0.0.2"}, "198.51.100.7"},
		// Row 55 of the attacks.
		"a thousand hops":        {"127.0.0.1:5", []string{"X-Forwarded-For: 6.6.6.6, 198.51.100.7" + strings.Repeat(", 10.0.0.1", 1000)}, "198.51.100.7"},
		"a thousand lines":       {"127.0.0.1:5", append([]string{"X-Forwarded-For: 198.51.100.7"}, slices.Repeat([]string{"X-Forwarded-For: 10.0.0.1"}, 1000)...), "198.51.100.7"},
		"spoofed Forwarded":      {"127.0.0.1:5", []string{"Forwarded: for=6.6.6.6", "X-Forwarded-For: 198.51.100.7"}, "198.51.100.7"},
		"Forwarded alone":        {"127.0.0.1:5", []string{"Forwarded: for=6.6.6.6"}, "127.0.0.1"},
		"for in X-Forwarded-For": {"127.0.0.1:5", []string{"X-Forwarded-For: for=6.6.6.6"}, "127.0.0.1"},
		"obfuscated":             {"127.0.0.1:5", []string{"X-Forwarded-For: 6.6.6.6, _hidden, 10.0.0.2"}, "10.0.0.2"},
		"unknown":                {"127.0.0.1:5", []string{"X-Forwarded-For: 6.6.6.6, unknown"}, "127.0.0.1"},
		"zone":                   {"127.0.0.1:5", []string{"X-Forwarded-For: fe80::1%eth0"}, "fe80::1"},
		"zone of anything":       {"127.0.0.1:5", []string{`X-Forwarded-For: [fe80::1%x";host="evil]:80`}, "fe80::1"},
		"zone of a trusted one":  {"127.0.0.1:5", []string{"X-Forwarded-For: 198.51.100.7, 2001:db8::5%x"}, "198.51.100.7"},
		"zone of a mapped one":   {"127.0.0.1:5", []string{"X-Forwarded-For: 198.51.100.7, ::ffff:10.0.0.2%x"}, "198.51.100.7"},
		"unix socket":            {"@", []string{"X-Forwarded-For: 198.51.100.7"}, "unknown"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := rules.Sender(newRequest(tt.peer, tt.lines...)).Address(); got != tt.want {
				t.Errorf("client: got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestRequestID(t *testing.T) {
	rules := rulesOf("127.0.0.1/32")
	tests := map[string]struct {
		peer  string
		lines []string
		keep  bool
	}{
		"trusted":          {"127.0.0.1:5", []string{"X-Request-Id: 1a2B-c.d_e~/f+=:@"}, true},
		"untrusted":        {"192.0.2.1:5", []string{"X-Request-Id: abc"}, false},
		"two lines":        {"127.0.0.1:5", []string{"X-Request-Id: abc", "X-Request-Id: def"}, false},
		"space":            {"127.0.0.1:5", []string{"X-Request-Id: a b"}, false},
		"quote":            {"127.0.0.1:5", []string{`X-Request-Id: a"b`}, false},
		"escape sequence":  {"127.0.0.1:5", []string{"X-Request-Id: a\x1b[31m"}, false},
		"empty":            {"127.0.0.1:5", []string{"X-Request-Id: "}, false},
		"longest":          {"127.0.0.1:5", []string{"X-Request-Id: " + strings.Repeat("a", maxRequestID)}, true},
		"longer":           {"127.0.0.1:5", []string{"X-Request-Id: " + strings.Repeat("a", maxRequestID+1)}, false},
		"none":             {"127.0.0.1:5", nil, false},
		"other characters": {"127.0.0.1:5", []string{"X-Request-Id: ä"}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRequest(tt.peer, tt.lines...)
			got := rules.Sender(r).ID
			if kept := got == r.Header.Get("X-Request-Id"); kept != tt.keep {
				t.Errorf("id: got %q, want it kept: %t", got, tt.keep)
			}
			if !validID(got) {
				t.Errorf("id: got %q, which is not valid", got)
			}
		})
	}
	if a, b := newID(), newID(); a == b || len(a) != 32 {
		t.Errorf("new ids: got %q and %q, want two of 32 digits", a, b)
	}
}
