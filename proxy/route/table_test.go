package route

import (
	"errors"
	"strings"
	"testing"

	"usher/proxy/config"
)

// newTestTable builds a table of routes that are written "HOST/PATH", with
// " exact" behind them if they are, and the kind of requests if it is one.
func newTestTable(t testing.TB, routes ...string) *Table {
	t.Helper()
	var c config.Config
	for _, text := range routes {
		claim, websocket := strings.CutSuffix(text, " websocket")
		claim, none := strings.CutSuffix(claim, " none")
		claim, exact := strings.CutSuffix(claim, " exact")
		i := strings.IndexByte(claim, '/')
		r := &config.Route{Host: claim[:i], Path: claim[i:], Exact: exact}
		if websocket {
			r.Upgrade = config.OnlyWebSocket
		}
		if none {
			r.Upgrade = config.NoUpgrade
		}
		c.Routes = append(c.Routes, r)
	}
	return NewTable(&c)
}

func TestMatch(t *testing.T) {
	everywhere := []string{"/", "/admin", "/admin exact", "/admin/x", "/a", "/a/b/c", "/only exact", "/@team", "/f%C3%BCr"}
	hosts := []string{"/", "/x", "app.example.com/", "*.example.com/w", "*.deep.example.com/w", "1.2.3.4/", "::1/six"}
	for _, tt := range []struct {
		routes     []string
		host, path string
		want       string // the route, or the error
		normal     string // if not path
	}{
		{routes: everywhere, path: "/", want: "/"},
		{routes: everywhere, path: "", want: "/", normal: "/"},
		{routes: everywhere, path: "/administrator", want: "/"},
		{routes: everywhere, path: "/admin", want: "/admin (exact)"},
		{routes: everywhere, path: "/admin/", want: "/admin (exact)"},
		{routes: everywhere, path: "/admin/y", want: "/admin"},
		{routes: everywhere, path: "/admin/x", want: "/admin/x"},
		{routes: everywhere, path: "/admin/xy", want: "/admin"},
		{routes: everywhere, path: "/admin/x/y/z", want: "/admin/x"},
		{routes: everywhere, path: "/a/b", want: "/a"},
		{routes: everywhere, path: "/a/b/c", want: "/a/b/c"},
		{routes: everywhere, path: "/a/b/cc", want: "/a"},
		{routes: everywhere, path: "/only", want: "/only (exact)"},
		{routes: everywhere, path: "/only/x", want: "/"},
		{routes: everywhere, path: "/f%c3%bcr/x", want: "/f%C3%BCr", normal: "/f%C3%BCr/x"},
		{routes: everywhere, path: "//admin//x/", want: "/admin/x", normal: "/admin/x/"},
		{routes: everywhere, path: "/a/../admin/y", want: "/admin", normal: "/admin/y"},
		{routes: everywhere, path: "/a/%2e%2E/%61dmin/y", want: "/admin", normal: "/admin/y"},
		{routes: everywhere, path: "/ADMIN", want: "/"},

		// What some server would take for another route's path.
		{routes: everywhere, path: "/admin;x=1/y", want: "invalid path"},
		{routes: everywhere, path: "/admin%3bx=1/y", want: "invalid path"},
		{routes: everywhere, path: "/admin/y;x=1", want: "/admin"},
		{routes: everywhere, path: "/heroes;id=15;foo=a%3Bb/x", want: "/"},
		{routes: everywhere, path: "/only;x", want: "invalid path"},
		{routes: everywhere, path: "/%40team", want: "invalid path"},
		{routes: everywhere, path: "/@team/a%40b", want: "/@team"},
		{routes: everywhere, path: "/admin%2Fx", want: "invalid path"},
		{routes: everywhere, path: "/x/%25%32%65%252e/admin", want: "invalid path"},
		{routes: everywhere, path: "/%2561dmin", want: "invalid path"},
		{routes: everywhere, path: "/x%255c../admin", want: "invalid path"},
		{routes: everywhere, path: "/x/..%c0%afadmin", want: "invalid path"},
		{routes: everywhere, path: "/x/\xc0\xae%C0%AE/admin", want: "invalid path"},
		{routes: everywhere, path: "/x/%e0%80%ae./admin", want: "invalid path"},
		{routes: everywhere, path: "/a/%252e/%C0%AE", want: "invalid path"},
		{routes: everywhere, path: "/100%2525/%C3%BC", want: "/"},
		{routes: everywhere, path: "*", want: "/"},
		{routes: []string{"/x"}, path: "*", want: "no route takes this path"},

		{routes: []string{"/x"}, path: "/y", want: "no route takes this path"},
		{routes: []string{"/x"}, path: "/", want: "no route takes this path"},
		{routes: []string{"/x exact"}, path: "/x/y", want: "no route takes this path"},
		{routes: []string{"/ exact"}, path: "/x", want: "no route takes this path"},
		{routes: []string{"/ exact"}, path: "/", want: "/ (exact)"},
		{path: "/", want: "no route takes this host"},

		{routes: hosts, host: "app.example.com", path: "/x", want: "app.example.com/"},
		{routes: hosts, host: "APP.Example.COM.:8443", path: "/x", want: "app.example.com/"},
		{routes: hosts, host: "other.example.com", path: "/x", want: "/x"},
		{routes: hosts, host: "other.example.com", path: "/w", want: "*.example.com/w"},
		{routes: hosts, host: "a.b.example.com", path: "/w", want: "*.example.com/w"},
		{routes: hosts, host: "a.deep.example.com", path: "/w/x", want: "*.deep.example.com/w"},
		{routes: hosts, host: "deep.example.com", path: "/w/x", want: "*.example.com/w"},
		{routes: hosts, host: "example.com", path: "/w", want: "/"},
		{routes: hosts, host: "badexample.com", path: "/w", want: "/"},
		{routes: hosts, host: "app.example.com.evil.org", path: "/w", want: "/"},
		{routes: hosts, host: "1.2.3.4:80", path: "/x", want: "1.2.3.4/"},
		{routes: hosts, host: "[::1]:80", path: "/six", want: "::1/six"},
		{routes: hosts, host: "[0:0:0:0:0:0:0:1]", path: "/six", want: "::1/six"},
		{routes: hosts, host: "", path: "/x", want: "/x"},
		{routes: hosts, host: "a/b", path: "/x", want: "/x"},

		{routes: []string{"a.test/", "*.b.test/"}, host: "c.test", path: "/", want: "no route takes this host"},
		{routes: []string{"a.test/", "*.b.test/"}, host: "b.test", path: "/", want: "no route takes this host"},
		{routes: []string{"a.test/x", "*.b.test/x"}, host: "x.b.test", path: "/", want: "no route takes this path"},
		{routes: []string{"a.test/x", "*.b.test/x"}, host: "a.test", path: "/", want: "no route takes this path"},
	} {
		table := newTestTable(t, tt.routes...)
		m, err := table.Match(tt.host, tt.path, false)
		got := sentinel(err)
		if err == nil {
			got = m.Route.String()
		}
		if got != tt.want {
			t.Errorf("Match(%q, %q): got %q (%v), want %q", tt.host, tt.path, got, err, tt.want)
		}
		if tt.normal == "" {
			tt.normal = tt.path
		}
		if err == nil && m.Path != tt.normal {
			t.Errorf("Match(%q, %q): got path %q, want %q", tt.host, tt.path, m.Path, tt.normal)
		}
		wantExplained(t, table, tt.host, tt.path)
	}
}

// TestMatchByKind asks for a WebSocket and for a page at each path.
func TestMatchByKind(t *testing.T) {
	const noPlain, noUpgrade = "no route takes plain requests at this path, only WebSocket", "no route takes WebSocket at this path, only plain requests"
	for _, tt := range []struct {
		routes           string // separated by commas
		host, path       string
		upgrade, request string
	}{
		// One path for both: Vite's and Grafana's shape.
		{routes: "/ websocket,/ none", path: "/x", upgrade: "/ (websocket)", request: "/ (no upgrade)"},
		{routes: "/x exact websocket,/x exact none", path: "/x/", upgrade: "/x (exact, websocket)", request: "/x (exact, no upgrade)"},
		{routes: "/x websocket,/x exact none", path: "/x", upgrade: "/x (websocket)", request: "/x (exact, no upgrade)"},
		// Who does not take a request lets the next have it.
		{routes: "/ws websocket,/", path: "/ws/a", upgrade: "/ws (websocket)", request: "/"},
		{routes: "/pages none,/", path: "/pages/a", upgrade: "/", request: "/pages (no upgrade)"},
		{routes: "/a/b websocket,/a none,/", path: "/a/b/c", upgrade: "/a/b (websocket)", request: "/a (no upgrade)"},
		{routes: "/a/b none,/a websocket,/", path: "/a/b/c", upgrade: "/a (websocket)", request: "/a/b (no upgrade)"},
		{routes: "a.test/ websocket,*.test/ none,/", host: "a.test", path: "/", upgrade: "a.test/ (websocket)", request: "*.test/ (no upgrade)"},
		{routes: "a.test/ none,/", host: "a.test", path: "/", upgrade: "/", request: "a.test/ (no upgrade)"},
		// Nobody does.
		{routes: "/ws websocket", path: "/ws", upgrade: "/ws (websocket)", request: noPlain},
		{routes: "/ none", path: "/ws", upgrade: noUpgrade, request: "/ (no upgrade)"},
		{routes: "/ws websocket", path: "/x", upgrade: "no route takes this path", request: "no route takes this path"},
		{routes: "a.test/ websocket", host: "a.test", path: "/", upgrade: "a.test/ (websocket)", request: noPlain},
		{routes: "a.test/x websocket", host: "a.test", path: "/", upgrade: "no route takes this path", request: "no route takes this path"},
		{routes: "a.test/ websocket", host: "b.test", path: "/", upgrade: "no route takes this host", request: "no route takes this host"},
		// What is ambiguous for one kind may be clear for the other.
		{routes: "/ws websocket,/", path: "/ws;x/y", upgrade: "invalid path", request: "/"},
	} {
		table := newTestTable(t, strings.Split(tt.routes, ",")...)
		for upgrade, want := range map[bool]string{true: tt.upgrade, false: tt.request} {
			m, err := table.Match(tt.host, tt.path, upgrade)
			got := sentinel(err)
			if err == nil {
				got = m.Route.String()
			}
			if got != want {
				t.Errorf("%s: Match(%q, %q, %t): got %q (%v), want %q", tt.routes, tt.host, tt.path, upgrade, got, err, want)
			}
		}
		wantExplained(t, table, tt.host, tt.path)
	}
}

// sentinel returns the text of the error that a caller branches on.
func sentinel(err error) string {
	for _, e := range []error{ErrNoRoute, ErrNoHost, ErrPath, ErrUpgradesOnly, ErrPlainOnly} {
		if errors.Is(err, e) {
			return e.Error()
		}
	}
	return ""
}

func TestMatchDoesNotAllocate(t *testing.T) {
	table := newTestTable(t, "/", "/socket.io", "/ws/admin", "app.example.com/socket.io", "*.example.com/ws/a/b/c/d")
	for _, tt := range []struct{ host, path string }{
		{"app.example.com:8443", "/socket.io/"},
		{"deep.sub.example.com", "/ws/admin/a/b/c/d/e/f"},
		{"localhost:8080", "/a%20b/f%C3%BCr"},
	} {
		n := testing.AllocsPerRun(100, func() {
			if _, err := table.Match(tt.host, tt.path, false); err != nil {
				t.Error(err)
			}
		})
		if n != 0 {
			t.Errorf("Match(%q, %q): got %v allocations, want 0", tt.host, tt.path, n)
		}
	}
}

func TestUpstreamPath(t *testing.T) {
	for _, tt := range []struct{ route, strip, replace, path, want string }{
		{"/ws/admin", "", "", "/ws/admin/x", "/ws/admin/x"},
		{"/ws/admin", "/ws/admin", "", "/ws/admin", "/"},
		{"/ws/admin", "/ws/admin", "", "/ws/admin/", "/"},
		{"/ws/admin", "/ws/admin", "", "/ws/admin/x%20y/", "/x%20y/"},
		{"/ws/admin", "/ws", "", "/ws/admin/x", "/admin/x"},
		{"/ws/admin", "", "/board", "/ws/admin", "/board"},
		{"/ws/admin", "", "/board", "/ws/admin/", "/board/"},
		{"/ws/admin", "", "/board", "/ws/admin/x", "/board/x"},
		{"/ws/admin", "/ws", "/board", "/ws/admin/x", "/board/admin/x"},
		{"/ws/admin", "", "/", "/ws/admin", "/"},
		{"/ws/admin", "", "/", "/ws/admin/x", "/x"},
		{"/", "", "/board", "/", "/board/"},
		{"/", "", "/board", "/x", "/board/x"},
		{"/", "", "/", "/x", "/x"},
	} {
		r := &config.Route{Path: tt.route, StripPrefix: tt.strip, ReplacePrefix: tt.replace}
		if got := (Match{Route: &Route{Route: r}, Path: tt.path}).UpstreamPath(); got != tt.want {
			t.Errorf("UpstreamPath of %q on %+v: got %q, want %q", tt.path, tt, got, tt.want)
		}
	}
}

func TestTableRefusesCompetingClaims(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("two routes with one claim: got a table, want a panic")
		}
	}()
	newTestTable(t, "/", "a.test/x", "a.test/x websocket")
}

func BenchmarkMatch(b *testing.B) {
	table := newTestTable(b, "/", "/socket.io", "/ws/admin", "app.example.com/socket.io", "*.example.com/ws")
	for b.Loop() {
		if _, err := table.Match("www.example.com:443", "/socket.io/", true); err != nil {
			b.Fatal(err)
		}
	}
}
