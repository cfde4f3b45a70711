package config

import (
	"fmt"
	"strings"
	"testing"
)

// TestSuggestionsAreRoutes takes what is suggested instead of a pattern for a
// path, which must be one.
func TestSuggestionsAreRoutes(t *testing.T) {
	for _, pattern := range []string{
		"*", "/*", "/a/*", "/a*", "/a/:id", "/a/{id}", "/a/{rest...}", "/a/[...x]", "~^/", "~^/a", "~* ^/a/.*$", "~^/(a|b)/", "~^/a/(b|c)?$",
		"~^/(?:ws|socket.io)(/|$)", "= /a", "^~ /a/", "/a/.*", "/a/(.+)",
	} {
		said := word{text: pattern, shown: pattern}.foreignPath()
		_, suggested, ok := strings.Cut(said, "write ")
		if !ok {
			t.Errorf("%s: got %q, want a suggestion", pattern, said)
		}
		for i, one := range strings.Split(suggested, `"`) {
			if i%2 == 0 {
				continue
			}
			if _, err := Parse("routes.yaml", fmt.Appendf(nil, "upstreams: {main: http://a}\nroutes: [{path: '%s', upstream: main}]", one), nil); err != nil {
				t.Errorf("%s: got the suggestion %q: %v", pattern, one, err)
			}
		}
	}
}

// TestNoDangerousSuggestions: what is suggested must not take a stranger's
// requests.
func TestNoDangerousSuggestions(t *testing.T) {
	for _, pattern := range []string{
		"/:id", "/{id}/x", "/*/x", "/*.php", "/user/*/kernels", "~^/[^/]+/ws", "~^/\\d+$", "~^/(api|\\w+)/", "~^/room-\\d+", "~ \\.php$",
		"~^/(?!admin)", "~^/a?", "~(", "~^/((a|b|c|d)(a|b|c|d)(a|b|c|d)(e|f))", "~^/(a?){60}b",
	} {
		said := word{text: pattern, shown: pattern}.foreignPath()
		if said == "" || strings.Contains(said, `"/"`) || strings.Contains(said, `"/user"`) || strings.Contains(said, `"/room-"`) {
			t.Errorf("%s: got %q", pattern, said)
		}
	}
}

func FuzzForeignPath(f *testing.F) {
	for _, p := range []string{"~^/(api|socket.io)/", "/user/*/kernels", "PathPrefix(`/a`)", "= /x", "/{a}", "^/[ab]?c+(/|$)", " "} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p string) {
		if p == "" {
			return
		}
		paths, _ := alternatives(p)
		for _, one := range paths {
			if !isPlainPath(one) {
				t.Errorf("%q: got the path %q", p, one)
			}
		}
		word{text: p, shown: p}.foreignPath()
	})
}
