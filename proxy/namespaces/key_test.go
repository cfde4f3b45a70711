package namespaces

import "testing"

// A pid leads back to its endpoint through every usher that has the same key.
func TestKey(t *testing.T) {
	tag := NewServer(Config{Key: []byte("0123456789abcdef")}).tag("main http://a:80")
	if got := NewServer(Config{Key: []byte("0123456789abcdef")}).tag("main http://a:80"); got != tag {
		t.Errorf("same key: got tag %q, want %q", got, tag)
	}
	for _, other := range []Config{{}, {Key: []byte("0123456789abcdeX")}} {
		if got := NewServer(other).tag("main http://a:80"); got == tag {
			t.Errorf("key %q: got the same tag", other.Key)
		}
	}
}
