package route

import (
	"slices"
	"strings"
	"testing"

	"usher/proxy/config"
)

func FuzzNormalise(f *testing.F) {
	for _, p := range []string{"/", "", "/admin/x", "/a/./b/../c//d/", "/%2e%2e/admin", "/admin;x/..;/y", "/%40team", "/a%2fb", "/f\xc3\xbcr %zz", "/..%3b/", "/a/b/..", "/%25%32%65"} {
		f.Add(p)
	}
	table := newTestTable(f, "/", "/admin", "/admin/x exact", "/@team", "/a/b", "/a/c websocket", "/admin/y none")
	f.Fuzz(func(t *testing.T, raw string) {
		normal, err := config.NormalPath(raw)
		if err != nil {
			wantExplained(t, table, "", raw)
			return
		}
		if again, err := config.NormalPath(normal); err != nil || again != normal {
			t.Errorf("%q: the normal form %q has the normal form %q, %v", raw, normal, again, err)
		}
		if strings.ContainsAny(normal, "\\?# \x00\r\n") || strings.Contains(normal, "//") || normal[0] != '/' {
			t.Errorf("%q: got %q", raw, normal)
		}
		for s := range strings.SplitSeq(strings.ToLower(normal), "/") {
			s = strings.ReplaceAll(s, "%2e", ".")
			name, _, _ := strings.Cut(strings.ReplaceAll(s, "%3b", ";"), ";")
			if name == "." || name == ".." || strings.Contains(s, "%2f") || strings.Contains(s, "%5c") || (name == "" && s != "") {
				t.Errorf("%q: got %q with segment %q", raw, normal, s)
			}
		}
		wantExplained(t, table, "", raw)
		if m, err := table.Match("", raw, false); err == nil {
			wantBoundary(t, m)
		}
	})
}

// wantBoundary checks by segments what Match and Explain check by letters.
func wantBoundary(t *testing.T, m Match) {
	t.Helper()
	path, route := segments(m.Path), segments(m.Route.Path)
	if len(path) < len(route) || !slices.Equal(path[:len(route)], route) {
		t.Errorf("path %q was taken by %v", m.Path, m.Route)
	}
	if m.Route.Exact && len(path) != len(route) {
		t.Errorf("path %q was taken by %v", m.Path, m.Route)
	}
}

func segments(path string) []string {
	return slices.DeleteFunc(strings.Split(path, "/"), func(s string) bool { return s == "" })
}
