package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func mustParse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("routes.yaml", []byte(text), testEnv)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func mustParseFile(t *testing.T, name string) *Config {
	t.Helper()
	c, _, err := parseFile(t, filepath.Join("testdata", "good", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// want compares what a test looks at, printed.
func want[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %+v, want %+v", what, got, want)
	}
}

func TestDefaults(t *testing.T) {
	c := mustParseFile(t, "minimal")
	want(t, "listen", c.Listen, []Listener{{Position: Position{1, 1}, Address: "127.0.0.1:8080"}})
	want(t, "drain", c.Drain, Drain{Over: 30 * time.Second, Deadline: time.Minute, Code: 1012})
	want(t, "watch", c.Watch, false)
	want(t, "handshake_timeout", c.HandshakeTimeout, 10*time.Second)
	want(t, "trusted_proxies", len(c.TrustedProxies), 0)
	main := &Upstream{
		Position: Position{2, 3}, Name: "main", Balance: RoundRobin, Affinity: AffinityEngineIO, DialTimeout: 5 * time.Second, Resolve: 30 * time.Second, Hold: 5 * time.Second,
		Endpoints: []Endpoint{{Position{2, 9}, HTTP, "127.0.0.1:3001", 1, 0}},
	}
	want(t, "upstreams", c.Upstreams, []*Upstream{main})
	want(t, "route", c.Routes[0], &Route{
		Position: Position{4, 5}, Path: "/", Upstream: main, Relay: Frames,
		Limits: Limits{
			MaxMessage: 100 << 20, MaxFragments: 10000, MessageTimeout: 5 * time.Minute,
			HandshakeTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second,
			PingInterval: 45 * time.Second, PingTimeout: 20 * time.Second,
			BodyTimeout: 30 * time.Second, ResponseTimeout: time.Minute,
		},
		Quota: Quota{Connections: 10000},
	})
	if c.Routes[0].Upstream != c.Upstreams[0] {
		t.Error("the route has a copy of its upstream")
	}
	want(t, "warnings", c.Warnings, nil)
}

func TestLimits(t *testing.T) {
	c := mustParseFile(t, "limits")
	top := Limits{
		MaxMessage: 1 << 20, MaxFragments: 10, MessageTimeout: time.Minute, MaxRate: Rate{100, 1e6},
		HandshakeTimeout: 3 * time.Second, WriteTimeout: 4 * time.Second,
		PingInterval: 90 * time.Second, PingTimeout: 5 * time.Second,
		MaxBody: 10e6, BodyTimeout: 20 * time.Second, ResponseTimeout: 2 * time.Minute,
	}
	want(t, "inherited", c.Routes[0].Limits, top)
	want(t, "of no route", c.Limits, top)
	want(t, "of the client", c.HandshakeTimeout, 3*time.Second)
	want(t, "own", c.Routes[1].Limits, Limits{
		MaxMessage: 4096, MaxFragments: 2, MessageTimeout: 2 * time.Minute, MaxRate: Rate{0, 1e6},
		IdleTimeout: time.Hour, HandshakeTimeout: 5 * time.Second, WriteTimeout: 6 * time.Second,
		PingInterval: 3 * time.Second, PingTimeout: 3 * time.Second, // 5s inherited would be longer
		BodyTimeout: time.Second,
	})
	top.PingInterval = 0
	want(t, "never pinged", c.Routes[2].Limits, top)
}

func TestUpstreams(t *testing.T) {
	var got []string
	for _, u := range mustParseFile(t, "upstreams").Upstreams {
		for _, e := range u.Endpoints {
			got = append(got, fmt.Sprintf("%s %s %v %s %s", u.Name, u.Balance, u.DialTimeout, e.Scheme, e.Address))
		}
	}
	want(t, "endpoints", got, []string{
		"short round_robin 2s http 127.0.0.1:3001",
		"list round_robin 2s http a:80",
		"list round_robin 2s https b:443",
		"list round_robin 2s http [::1]:3001",
		"list round_robin 2s http [::1]:80",
		"list round_robin 2s unix /run/x.sock",
		"list round_robin 2s unix /run/y.sock",
		"list round_robin 2s http c:80",
		"long least_sessions 1s http a:1",
		"long least_sessions 1s http a:2",
		"unused round_robin 2s http a:80",
	})
}

func TestRoutes(t *testing.T) {
	c := mustParseFile(t, "routes")
	var got []string
	for _, r := range c.Routes {
		got = append(got, fmt.Sprintf("%d %s%s %v %s %s", r.Line, r.Host, r.Path, r.Exact, r.StripPrefix, r.Relay))
	}
	want(t, "routes", got, []string{
		"3 /socket.io false  frames",
		"4 /socket.io true  frames",
		"5 app.example.com/socket.io false  frames",
		"6 *.example.com/@team false  frames",
		"7 ::1/ false  frames",
		"8 127.0.0.1/ false  frames",
		"9 /ws/admin false /ws frames",
		"10 /f%C3%BCr/a%20b false  frames",
		"11 /any false  messages",
		"12 /some false  frames",
	})
	want(t, "any origin", c.Routes[8].Origins, []string{"*"})
	want(t, "origins", c.Routes[9].Origins, []string{
		"https://app.example.com", "http://localhost", "https://[::1]:8443", "capacitor://localhost", "file://",
		"https://*.example.com", "http://*.preview.localhost:8080",
	})
	want(t, "headers", c.Routes[9].Headers, Headers{
		Set:    []Header{{"X-Tenant", "a"}, {"X-Version", "2"}, {"X-On", "true"}, {"X-Empty", ""}, {"Host", "legacy.test:8080"}},
		Remove: []string{"Cookie", "X-Debug"},
	})
}

// A wildcard below which strangers may have names is allowed, and warned of.
func TestSharedOrigins(t *testing.T) {
	for _, tt := range []struct {
		origin string
		shared bool
	}{
		{"https://*.com", true}, {"https://*.co.uk:8443", true}, {"https://*.vercel.app", true}, {"https://*.github.io", true},
		{"https://*.mine.vercel.app", false}, {"https://*.example.com", false}, {"http://*.localhost", false},
		{"https://mine.vercel.app", false},
	} {
		c := mustParse(t, "upstreams: {main: http://a}\nroutes: [{upstream: main, origins: '"+tt.origin+"'}]\n")
		if got := len(c.Warnings) == 1 && strings.Contains(c.Warnings.Error(), "lets everybody in"); got != tt.shared {
			t.Errorf("%s: got warnings %v, want one: %t", tt.origin, c.Warnings, tt.shared)
		}
	}
}

func TestListeners(t *testing.T) {
	c := mustParseFile(t, "listeners")
	want(t, "listen", c.Listen, []Listener{
		{Position: Position{2, 5}, Address: ":80"}, {Position: Position{3, 5}, Address: "[::1]:443", TLS: true},
		{Position: Position{4, 5}, Address: "127.0.0.1:0"}, {Position: Position{6, 5}, Address: "127.0.0.1:0"},
	})
	u := mustParseFile(t, "listeners_unix")
	want(t, "unix sockets", u.Listen, []Listener{
		{Position: Position{2, 5}, Address: "unix:/run/usher/usher.sock", Mode: 0o660},
		{Position: Position{3, 5}, Address: "unix:/run/a:0", Mode: 0o600, ProxyProtocol: []netip.Prefix{{}}},
		{Position: Position{4, 5}, Address: "unix:/run/b", Mode: 0o666},
		{Position: Position{5, 5}, Address: "unix:/run/tls", Mode: 0o660, TLS: true},
	})
	want(t, "trusted peers of unix sockets", u.TrustedProxies, []netip.Prefix{{}, netip.MustParsePrefix("10.0.0.0/8")})
	want(t, "certificates", c.TLS.Certificates, []Certificate{
		{Position: Position{9, 7}, Cert: "a.pem", Key: "a.key", CertAt: Position{9, 14}, KeyAt: Position{9, 26}},
		{Position: Position{10, 7}, Cert: "/etc/b.pem", Key: "/etc/b.key", CertAt: Position{10, 13}, KeyAt: Position{11, 12}},
	})
	var trusted []netip.Prefix
	for _, p := range []string{"10.0.0.0/8", "127.0.0.1/32", "::1/128", "1.2.3.4/32"} {
		trusted = append(trusted, netip.MustParsePrefix(p))
	}
	want(t, "trusted_proxies", c.TrustedProxies, trusted)
	want(t, "drain", c.Drain, Drain{Over: 2500 * time.Millisecond, Deadline: 5 * time.Second, Code: 1012}) // over is cut
}

func TestEnvironment(t *testing.T) {
	c := mustParseFile(t, "environment")
	want(t, "listen", c.Listen[0].Address, "127.0.0.1:3001")
	r := c.Routes[0]
	want(t, "upstream", r.Upstream.Name, "main")
	want(t, "exact", r.Exact, true)
	want(t, "max_fragments", r.Limits.MaxFragments, 12)
	want(t, "max_message", r.Limits.MaxMessage, 12<<20)
	want(t, "idle_timeout", r.Limits.IdleTimeout, 12*time.Second)
	want(t, "headers", r.Headers.Set, []Header{
		{"Authorization", "Bearer hunter2"},
		{"X-Literal", "${HOME} $HOME $ $$"},
		{"X-Empty", ""},
		{"X-Yaml", "[main, {a: b}]"},
	})
	want(t, "warnings", c.Warnings, nil)
}

func TestAliases(t *testing.T) {
	c := mustParseFile(t, "aliases")
	want(t, "origins", c.Routes[1].Origins, []string{"https://a.example", "https://b.example"})
	want(t, "max_rate", c.Routes[1].Limits.MaxRate, Rate{Messages: 5})
}

const written = `upstreams: {main: http://a}
routes:
  - upstream: main
    headers: {set: {Authorization: Bearer hunter2}}
`

func TestLoadWarnsOfReadableSecrets(t *testing.T) {
	file := filepath.Join(t.TempDir(), "routes.yaml")
	if err := os.WriteFile(file, []byte(written), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(file)
	if err != nil || len(c.Warnings) > 0 {
		t.Errorf("mode 600: got %v, %v, want no warning", c, err)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	c, err = Load(file)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "mode 644", c.Warnings.Error(), file+
		":4:36: header Authorization is written out in a file that everybody may read: use ${NAME}, or take the permission away")
}

func TestLoadErrors(t *testing.T) {
	folder := t.TempDir()
	if _, err := Load(filepath.Join(folder, "none.yaml")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: got %v, want %v", err, fs.ErrNotExist)
	}
	if _, err := Load(folder); err == nil {
		t.Error("folder: got no error")
	}
	large := filepath.Join(folder, "large.yaml")
	if err := os.WriteFile(large, []byte(written+strings.Repeat("#\n", maxFile/2)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(large); err == nil || err.Error() != large+":1:1: the file is larger than 1MiB" {
		t.Errorf("large file: got %v", err)
	}
}

func TestErrorsUnwrap(t *testing.T) {
	_, err := Parse("r.yaml", []byte("- a"), testEnv)
	one, ok := errors.AsType[*Error](err)
	if !ok || one.Line != 1 || one.Column != 1 || one.File != "r.yaml" {
		t.Errorf("got %+v, want an *Error of r.yaml:1:1", one)
	}
}

// A broken file must not take long to be blamed, however long it is.
func TestBlameIsBounded(t *testing.T) {
	text := written + strings.Repeat("# a line\n", 50000) + "routes: [\n"
	_, err := Parse("routes.yaml", []byte(text), testEnv)
	if err == nil || !strings.Contains(err.Error(), "routes.yaml:50005:9: ") {
		t.Errorf("got %v, want an error at 50005:9", err)
	}
}

func TestValueLimitHoldsForPlainFiles(t *testing.T) {
	text := "upstreams: {main: http://a}\nroutes:\n" + strings.Repeat("  - {}\n", maxValues)
	_, err := Parse("routes.yaml", []byte(text), testEnv)
	if err == nil || err.Error() != "routes.yaml:3:3: the file has more than 100000 values, with its aliases written out" {
		t.Errorf("got %.200v", err)
	}
}

func TestDrain(t *testing.T) {
	for text, drain := range map[string]Drain{
		"{over: 0, deadline: 1ms}":                       {Deadline: time.Millisecond, Code: 1012},
		"{code: 1001, grace: 10s}":                       {Over: 25 * time.Second, Deadline: time.Minute, Code: 1001, Grace: 10 * time.Second},
		"{over: 49s, deadline: 1m, grace: 10s}":          {Over: 49 * time.Second, Deadline: time.Minute, Code: 1012, Grace: 10 * time.Second},
		"{code: 1012, over: 5m, deadline: 6m, grace: 0}": {Over: 5 * time.Minute, Deadline: 6 * time.Minute, Code: 1012},
	} {
		c := mustParse(t, "drain: "+text+"\nupstreams: {main: http://a}\nroutes: [{upstream: main}]\n")
		want(t, text, c.Drain, drain)
	}
}

func TestDomains(t *testing.T) {
	short := mustParseFile(t, "tls_domains")
	want(t, "listen", short.Listen, []Listener{
		{Position: Position{1, 1}, Address: ":80", Redirect: true}, {Position: Position{1, 1}, Address: ":443", TLS: true},
	})
	want(t, "tls", short.TLS, TLS{Domains: []string{"ws.example.com"}, Storage: "certs", Handover: true})
	long := mustParseFile(t, "tls_acme")
	want(t, "listen", long.Listen, []Listener{
		{Position: Position{2, 5}, Address: ":80", Redirect: true},
		{Position: Position{3, 5}, Address: "127.0.0.1:8080"},
		{Position: Position{4, 5}, Address: ":443", TLS: true},
	})
	want(t, "acme", long.TLS.ACME, ACME{
		Email: "ops@example.com", Directory: "https://ca.example.com/dir", Root: "/etc/ca.pem", RootAt: Position{9, 12},
		ExternalAccount: ExternalAccount{KeyID: "me", MACKey: "hunter2A"},
	})
	want(t, "warnings", len(long.Warnings), 0)
}

func TestUpstreamTLS(t *testing.T) {
	c := mustParseFile(t, "upstream_tls")
	want(t, "main", c.Upstreams[0].TLS, UpstreamTLS{
		CA: "ca.pem", ServerName: "main.internal", Cert: "a.pem", Key: "a.key",
		CAAt: Position{2, 45}, CertAt: Position{2, 87}, KeyAt: Position{2, 99},
	})
	want(t, "chat", c.Upstreams[1].TLS, UpstreamTLS{InsecureSkipVerify: true})
	want(t, "warnings", c.Warnings.Error(),
		"routes.yaml:3:63: the certificates of upstream chat are not verified: whoever answers at its addresses is believed")

	// The mode of the file tells who knows its secrets, and nothing about this.
	text, err := os.ReadFile("testdata/good/upstream_tls.yaml")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "routes.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err = Load(file)
	if err != nil || len(c.Warnings) != 1 {
		t.Errorf("got %v, %v, want the warning", c, err)
	}
}

func TestWatch(t *testing.T) {
	c := mustParse(t, "watch: true\nupstreams: {main: http://a}\nroutes: [{upstream: main}]\n")
	want(t, "watch", c.Watch, true)
}
