package route

import (
	"fmt"
	"strings"
	"testing"
)

// wantExplained checks that Explain, which compares one route after another,
// ends with the route that Match looks up.
func wantExplained(t *testing.T, table *Table, host, path string) {
	t.Helper()
	for _, upgrade := range []bool{false, true} {
		m, err := table.Match(host, path, upgrade)
		steps := table.Explain(host, path, upgrade)
		if got := takes(steps); got != m.Route {
			t.Errorf("Explain(%q, %q, %t): got %v, want the match %v (%v)", host, path, upgrade, got, m.Route, err)
		}
		for i, s := range steps {
			if s.Taken != (m.Route != nil && i == len(steps)-1) || s.Reason == "" {
				t.Errorf("Explain(%q, %q, %t): got step %d of %d %+v", host, path, upgrade, i, len(steps), s)
			}
		}
	}
}

func TestExplain(t *testing.T) {
	table := newTestTable(t, "/", "/admin", "/only exact", "app.example.com/", "*.example.com/x", "/live websocket", "/live none")
	for _, tt := range []struct {
		host, path string
		want       string
	}{
		{"localhost", "/live", `
no app.example.com/: host "localhost" is not "app.example.com"
no *.example.com/x: host "localhost" is not below "example.com"
no /admin: path "/live" is not below "/admin"
no /live (websocket): the request asks for no upgrade, and the route takes WebSocket only
yes /live (no upgrade): first in order of precedence whose host and path fit`},
		{"www.example.com", "/administrator", `
no app.example.com/: host "www.example.com" is not "app.example.com"
no *.example.com/x: path "/administrator" is not below "/x"
no /admin: path "/administrator" begins with "/admin", but not at a segment boundary
no /live (websocket): path "/administrator" is not below "/live"
no /live (no upgrade): path "/administrator" is not below "/live"
no /only (exact): path "/administrator" is not below "/only"
yes /: first in order of precedence whose host and path fit`},
		{"localhost", "/only/y", `
no app.example.com/: host "localhost" is not "app.example.com"
no *.example.com/x: host "localhost" is not below "example.com"
no /admin: path "/only/y" is not below "/admin"
no /live (websocket): path "/only/y" is not below "/live"
no /live (no upgrade): path "/only/y" is not below "/live"
no /only (exact): path "/only/y" is below "/only", but the route is exact
yes /: first in order of precedence whose host and path fit`},
		{"app.example.com", "/", `
yes app.example.com/: first in order of precedence whose host and path fit`},
		{"app.example.com", "/..", ""},
	} {
		var got strings.Builder
		for _, s := range table.Explain(tt.host, tt.path, false) {
			fmt.Fprintf(&got, "\n%s %s: %s", map[bool]string{true: "yes", false: "no"}[s.Taken], s.Route, s.Reason)
		}
		if got.String() != tt.want {
			t.Errorf("Explain(%q, %q): got %s\nwant %s", tt.host, tt.path, got.String(), tt.want)
		}
	}
}

func TestRoutesStandInOrderOfPrecedence(t *testing.T) {
	table := newTestTable(t, "/", "/admin", "/admin exact", "*.example.com/", "*.a.example.com/", "z.test/", "z.test/x", "/admin/x")
	var got []string
	for _, r := range table.Routes() {
		got = append(got, r.String())
	}
	want := "z.test/x z.test/ *.a.example.com/ *.example.com/ /admin/x /admin (exact) /admin /"
	if strings.Join(got, " ") != want {
		t.Errorf("got %v, want %v", got, want)
	}
}
