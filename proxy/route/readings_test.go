package route

import (
	"net/url"
	"path"
	"strings"
	"testing"

	"usher/proxy/config"
)

// readings are how servers understand a path.
var readings = map[string]func(string) string{
	"as it is":                        func(p string) string { return p },
	"unescaped":                       once,
	"twice":                           func(p string) string { return once(once(p)) },
	"parameters":                      func(p string) string { return once(withoutParameters(p)) },
	"parameters of what is unescaped": func(p string) string { return withoutParameters(once(p)) },
	"backslashes":                     func(p string) string { return strings.ReplaceAll(once(p), `\`, "/") },
	"overlong":                        func(p string) string { return overlongs.Replace(once(p)) },
}

var overlongs = strings.NewReplacer("\xc0\xae", ".", "\xc0\xaf", "/", "\xc1\x9c", "/", "\xe0\x80\xae", ".", "\xe0\x80\xaf", "/", "\xf0\x80\x80\xae", ".", "\xc1\xa1", "a")

// once unescapes a path as lenient servers do, which leave what they can't.
func once(p string) string {
	if u, err := url.PathUnescape(p); err == nil {
		return u
	}
	return p
}

func withoutParameters(p string) string {
	segments := strings.Split(p, "/")
	for i, s := range segments {
		segments[i], _, _ = strings.Cut(s, ";")
	}
	return strings.Join(segments, "/")
}

// Row 49 of the attacks: the upstream of a route, however it reads the path that
// it gets, finds itself below the route's, or the request is refused.
func TestAttack49Readings(t *testing.T) {
	table := newTestTable(t, "/", "/admin", "/admin/x exact", "/a/b")
	routeOf := func(p string) string {
		r, _ := table.plain.find("", path.Clean("/"+p))
		return r.String()
	}
	passed := 0
	for _, dots := range []string{"..", "%2e%2e", ".%2E", "..;", "..;x=y", "..%3b", "%252e%252e", "%25%32%65.", "%c0%ae%C0%AE", "\xc0\xae\xc0\xae", "%e0%80%ae.", "%f0%80%80%ae.", ".", "%2e", ".;", "x", "%"} {
		for _, slash := range []string{"/", "//", "/./", "%2f", "%2F", "%5c", `\`, "%255c", "%252F", "%c0%af", "%c1%9c", "%e0%80%af", ";/", "%00/", "%3f/", "%23/", "?", "#"} {
			for _, whole := range []string{"/x@^admin", "/x@^^admin", "/^admin", "/admin@^", "/admin@^x", "/admin@x", "/admin^", "/x/^@^@admin@x", "/x@^%61dmin", "/x@^%2561dmin", "/x@^%c1%a1dmin", "^admin", "/a@b@^@^@admin"} {
				raw := strings.NewReplacer("@", slash, "^", dots).Replace(whole)
				raw, _, _ = strings.Cut(raw, "?")
				m, err := table.Match("", raw, false)
				if err != nil {
					continue
				}
				passed++
				for name, read := range readings {
					if got := routeOf(read(m.UpstreamPath())); got != m.Route.String() && !strings.Contains(read(m.UpstreamPath()), "\x00") {
						t.Errorf("%q: %s takes it and sends %q, which is read (%s) as a path of %s", raw, m.Route, m.UpstreamPath(), name, got)
					}
				}
			}
		}
	}
	if passed < 100 {
		t.Errorf("got %d paths that pass, want enough for a test", passed)
	}
	long := "/" + strings.Repeat("a/%2e%2e/", 2000) + "admin"
	if m, err := table.Match("", long, false); err != nil || m.Path != "/admin" {
		t.Errorf("16 KiB: got %q, %v", m.Path, err)
	}
	if got, err := config.LoosePath("/" + strings.Repeat("%252525", 3000)); err != nil || len(got) > 15001 {
		t.Errorf("20 KiB, escaped thrice: got %d bytes, %v", len(got), err)
	}
}
