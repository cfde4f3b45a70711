package namespaces

import "testing"

// Servers of revision 3 give these names to url.parse, and take what it says is the
// path.
func TestAmbiguous(t *testing.T) {
	for name, want := range map[string]bool{
		"/admin": false, "/a/b": false, "/a@b/admin": false, "/": false,
		"/admin#x": true, `/a\b`: true, "/a b": true, "//a@b/admin": true, "//a/admin": true,
	} {
		if got := ambiguous(name); got != want {
			t.Errorf("%q: got %v, want %v", name, got, want)
		}
	}
}
