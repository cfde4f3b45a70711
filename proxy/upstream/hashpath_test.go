package upstream

import (
	"regexp"
	"testing"

	"usher/proxy/config"
)

func TestPartOfPath(t *testing.T) {
	segments := func(n int) config.Hash { return config.Hash{By: config.HashPath, Segments: n} }
	key := config.Hash{By: config.HashPath, Regexp: regexp.MustCompile(`^/(app|sock)/(?<key>[^/]+)`)}
	for _, tt := range []struct {
		hash       config.Hash
		path, want string
	}{
		{segments(2), "/a/b/c/d", "/a/b"},
		{segments(2), "/a/b/", "/a/b"},
		{segments(2), "/a/b", "/a/b"},
		{segments(2), "/a/", "/a"},
		{segments(2), "/a", "/a"},
		{segments(2), "/", ""},
		{segments(1), "/a/b/c/d", "/a"},
		{segments(4), "/a/b/c/d", "/a/b/c/d"},
		{segments(64), "/a/b/c/d", "/a/b/c/d"},
		{segments(2), "/a//b/./c", "/a/b"}, // what the upstream sees
		{segments(2), "/x/../a/%62/c", "/a/b"},
		{segments(2), "/a/%2e%2e/b/c", "/b/c"},
		{segments(2), "", ""},
		{segments(2), "*", ""},
		{key, "/app/one/two", "one"},
		{key, "/sock/tw%20o", "tw%20o"},
		{key, "/other/one", ""},
		{key, "/app/", ""},
	} {
		if got := partOfPath(tt.hash, tt.path); got != tt.want {
			t.Errorf("%d, %v of %q: got %q, want %q", tt.hash.Segments, tt.hash.Regexp, tt.path, got, tt.want)
		}
	}
}
