package proxy_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// hostRoutes has a route for each kind of host, to a server of its name, and none
// for others.
func hostRoutes(t *testing.T) string {
	t.Helper()
	upstreams, routes := "upstreams:\n", "routes:\n"
	for name, host := range map[string]string{"exact": "a.example.com", "below": "*.example.com", "coded": "xn--bcher-kva.example.com", "six": "2001:db8::1", "four": "192.0.2.1"} {
		up := newTestBackend(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, name) })
		upstreams += fmt.Sprintf("  %s: '%s'\n", name, up.URL)
		routes += fmt.Sprintf("  - {host: '%s', upstream: %s}\n", host, name)
	}
	return upstreams + routes
}

// hostForms are hosts as a request may have them, and who is to answer: the
// server of a route, or usher with a status.
var hostForms = map[string]string{
	"a.example.com": "exact", "A.EXAMPLE.com": "exact", "a.example.com.": "exact", "a.example.com:80": "exact", "a.example.com:9": "exact", "A.example.com.:443": "exact", "a.example.com:": "exact",
	"b.example.com": "below", "c.b.EXAMPLE.com.": "below", "a.example.com.example.com": "below", "xa.example.com": "below",
	"xn--bcher-kva.example.com": "coded", "XN--BCHER-KVA.example.com:80": "coded", "b\xc3\xbccher.example.com": "400",
	"[2001:db8::1]": "six", "[2001:DB8::1]:80": "six", "[2001:db8:0:0:0:0:0:1]": "six", "[2001:db8::0.0.0.1]": "six",
	"[2001:db8::1%25eth0]": "400", "2001:db8::1": "400", "[2001:db8::1": "400", "[::ffff:192.0.2.1]": "421",
	"192.0.2.1": "four", "192.0.2.1:80": "four", "192.0.2.1.": "four", "0300.0.2.1": "421", "3221225985": "421",
	"": "421", "example.com": "421", "a.example.com..": "421", ".example.com": "421", "b..example.com": "421", "a.example.com.evil.example": "421",
	"u@a.example.com": "400", "u:p@a.example.com": "400", "a.example.com,b.example.com": "400", "a.example.com, b.example.com": "400",
	"a.example.com/": "400", "a.example.com?x": "400", "a.example.com#x": "400", "a.example.com\\": "400", "a%2eexample.com": "400", "*.example.com": "400",
	"a.example.com:x": "400", "a.example.com:80:80": "400", "a.example.com:99999": "400",
}

// Row 48 of the attacks: however a host is written, it is one host, or none. In
// the absolute form it counts in place of Host, and is no other.
func TestAttack48Host(t *testing.T) {
	b := newTestBroker(t, hostRoutes(t))
	for host, want := range hostForms {
		head := " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n"
		if got := hostOutcome(exchange(t, b.address, "GET /"+head)); got != want {
			t.Errorf("Host: %q: got %s, want %s", host, got, want)
		}
		if host == "" || strings.ContainsAny(host, "/?#") {
			continue // another target
		}
		if got := hostOutcome(exchange(t, b.address, "GET http://"+host+"/"+strings.Replace(head, host, "b.example.com", 1))); got != want {
			t.Errorf("http://%s/: got %s, want %s", host, got, want)
		}
	}
	two := "GET / HTTP/1.1\r\nHost: a.example.com\r\nHost: a.example.com\r\n\r\n"
	if got := hostOutcome(exchange(t, b.address, two)); got != "400" {
		t.Errorf("two of Host: got %s, want 400", got)
	}
}

// By HTTP/2 the host is :authority, or Host without one; both must be the same.
func TestAttack48Authority(t *testing.T) {
	dir := t.TempDir()
	b := newTestBrokerIn(t, dir, "listen: {address: '127.0.0.1:0', tls: true}\ntls: {internal: true}\n"+hostRoutes(t))
	trust := &tls.Config{RootCAs: mustTrust(t, filepath.Join(dir, "certs", "internal", "root.crt")), ServerName: "a.example.com"}
	ask := func(fields ...string) string {
		h := dialH2(t, b.address, trust)
		defer h.Close()
		id := h.ask(true, append([]string{":method", "GET", ":scheme", "https", ":path", "/"}, fields...)...)
		status := h.outcome(id)
		if status != "200" {
			return status
		}
		body, _ := h.rest(id)
		return string(body)
	}
	refused := func(got string) bool { return got == "400" || got == "PROTOCOL_ERROR" }
	for host, want := range hostForms {
		for _, fields := range [][]string{{":authority", host}, {"host", host}, {":authority", host, "host", host}} {
			if got := ask(fields...); got != want && (want != "400" || !refused(got)) {
				t.Errorf("%q: got %s, want %s", fields, got, want)
			}
		}
	}
	for _, fields := range [][]string{
		{":authority", "a.example.com", "host", "b.example.com"}, {":authority", "b.example.com", "host", "a.example.com"},
		{":authority", "a.example.com", ":authority", "b.example.com"}, {"host", "a.example.com", "host", "b.example.com"}, {":authority", "a.example.com", "host", "a.example.com", "host", "b.example.com"},
	} {
		if got := ask(fields...); !refused(got) {
			t.Errorf("%q: got %s, want 400", fields, got)
		}
	}
}

// A certificate is found by a name however it is written.
func TestAttack48Certificate(t *testing.T) {
	b := newTestBrokerIn(t, t.TempDir(), "listen: {address: '127.0.0.1:0', tls: true}\ntls: {internal: true, domains: [a.example.com, xn--bcher-kva.example.com]}\n"+oneRoute("http://127.0.0.1:1"))
	for name, want := range map[string]string{
		"a.example.com": "a.example.com", "A.Example.COM": "a.example.com", "XN--BCHER-KVA.example.com": "xn--bcher-kva.example.com", "a.example.com.": "a.example.com",
		"xa.example.com": "", "a.example.com.evil.example": "", "b\xc3\xbccher.example.com": "", "a.example.com,b": "",
	} {
		c, err := tls.Dial("tcp", b.address, &tls.Config{ServerName: name, InsecureSkipVerify: true}) //nolint:gosec // it is to be seen, not believed
		got := ""
		if err == nil {
			got = strings.Join(c.ConnectionState().PeerCertificates[0].DNSNames, " ")
			c.Close()
		}
		if got != want {
			t.Errorf("%s: got the certificate of %q (%v), want %q", name, got, err, want)
		}
	}
}

// A page's Origin is that of the host when both are written as browsers do, in
// any case and with the port or without it. What no browser sends is foreign.
func TestAttack48Origin(t *testing.T) {
	b := newTestBroker(t, hostRoutes(t))
	for _, tt := range []struct {
		host, origin string
		own          bool
	}{
		{"a.example.com", "http://a.example.com", true}, {"A.EXAMPLE.com", "http://a.example.com", true}, {"a.example.com", "HTTP://A.example.com", true},
		{"a.example.com:80", "http://a.example.com", true}, {"a.example.com", "http://a.example.com:80", true}, {"a.example.com:443", "https://a.example.com", true},
		{"a.example.com.", "http://a.example.com.", true}, {"[2001:db8::1]", "http://[2001:db8::1]", true}, {"[2001:DB8::1]:80", "http://[2001:db8::1]", true},
		{"XN--BCHER-KVA.example.com", "http://xn--bcher-kva.example.com", true},
		{"a.example.com:9", "http://a.example.com", false}, {"a.example.com", "http://a.example.com:9", false}, {"a.example.com:443", "http://a.example.com", false},
		{"a.example.com.", "http://a.example.com", false}, {"a.example.com", "http://a.example.com.", false}, {"a.example.com", "http://b.example.com", false},
		{"a.example.com", "http://u@a.example.com", false}, {"a.example.com", "http://a.example.com,http://b.example.com", false}, {"[2001:db8::1]", "http://2001:db8::1", false},
	} {
		want := http.StatusForbidden
		if tt.own {
			want = http.StatusOK // which its server says to any request
		}
		request := strings.Replace(upgradeHead, "app.example.com", tt.host, 1)
		got := exchange(t, b.address, strings.TrimSuffix(request, "\r\n")+"Origin: "+tt.origin+"\r\n\r\n")
		if got.StatusCode != want {
			t.Errorf("Host %s, Origin %s: got %s, want %d", tt.host, tt.origin, got.Status, want)
		}
	}
}

// hostOutcome is who has answered, or with what usher has.
func hostOutcome(a answer) string {
	if a.StatusCode == http.StatusOK {
		return a.body
	}
	return fmt.Sprint(a.StatusCode)
}
