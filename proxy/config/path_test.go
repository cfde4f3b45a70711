package config

import "testing"

func TestNormalPath(t *testing.T) {
	for _, tt := range []struct{ raw, want, err string }{
		{"/", "/", ""},
		{"", "/", ""},
		{"/a/b", "/a/b", ""},
		{"/a/b/", "/a/b/", ""},
		{"//a///b//", "/a/b/", ""},
		{"/./a/./b/.", "/a/b/", ""},
		{"/a/b/..", "/a/", ""},
		{"/a/b/../../c", "/c", ""},
		{"/a//../b", "/b", ""},
		{"/a/..", "/", ""},
		{"/...", "/...", ""},
		{"/a..b/.c", "/a..b/.c", ""},
		{"/%2e%2E", "", "path climbs above its root"},
		{"/a/%2e%2E/b", "/b", ""},
		{"/a/.%2e/b", "/b", ""},
		{"/..", "", "path climbs above its root"},
		{"/a/../../b", "", "path climbs above its root"},
		{"/%41%7e%2d", "/A~-", ""},
		{"/a%20b", "/a%20b", ""},
		{"/f%c3%bcr", "/f%C3%BCr", ""},
		{"/für", "/f%C3%BCr", ""},
		{"/a b|[c]", "/a%20b%7C%5Bc%5D", ""},
		{"/%40%3a%2c@:,", "/%40%3A%2C@:,", ""},
		{"/%252e", "/%252e", ""},
		{"/a;b=c", "/a;b=c", ""},
		{"/a%3bb", "/a%3Bb", ""},
		{"/..;/b", "", `path has parameters on the segment ".."`},
		{"/.;x/b", "", `path has parameters on the segment "."`},
		{"/..%3B/b", "", `path has parameters on the segment ".."`},
		{"/%2e.%3bx", "", `path has parameters on the segment ".."`},
		{"/;a/b", "", `path has parameters on the segment ""`},
		{"/a%2Fb", "", "path has an encoded slash"},
		{"/a%2f..%2fb", "", "path has an encoded slash"},
		{`/a\b`, "", "path has a backslash"},
		{"/a%5cb", "", "path has a backslash"},
		{"/a%00", "", "path has the control character 0x00"},
		{"/a%0d%0ab", "", "path has the control character 0x0d"},
		{"/a\nb", "", "path has the control character 0x0a"},
		{"/a%7f", "", "path has the control character 0x7f"},
		{"/a?b", "", `path has a '?'`},
		{"/a#b", "", `path has a '#'`},
		{"/a%", "", "path has a % without two hexadecimal digits behind it"},
		{"/a%2", "", "path has a % without two hexadecimal digits behind it"},
		{"/a%u0041", "", "path has a % without two hexadecimal digits behind it"},
		{"a", "", "path does not begin with a slash"},
		{"*", "", "path does not begin with a slash"},
		{"http://a/", "", "path does not begin with a slash"},
	} {
		got, err := NormalPath(tt.raw)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if got != tt.want || text != tt.err {
			t.Errorf("NormalPath(%q): got %q, %q, want %q, %q", tt.raw, got, text, tt.want, tt.err)
		}
	}
}

func TestLoosePath(t *testing.T) {
	for _, tt := range []struct{ normal, want string }{
		{"/a/b", "/a/b"},
		{"/a%20b", "/a%20b"},
		{"/f%C3%BCr/%E2%82%AC/%F0%9F%99%82", "/f%C3%BCr/%E2%82%AC/%F0%9F%99%82"},
		{"/100%25/%25zz/%25", "/100%25/%25zz/%25"},
		{"/%40a/%2C", "/@a/,"},
		{"/a;x=1/b%3By/c", "/a/b/c"},
		{"/%40a;%40", "/@a"},

		// escaped twice
		{"/%2525", "/%25"},
		{"/%252e%252E/a", ""},
		{"/a/b%252F%252e", ""},
		{"/%2561dmin", "/admin"},
		{"/a%252Fb%255cc", "/a/b/c"},
		{"/a%253bb/c", "/a/c"},
		{"/a/%253bb/", "/a/"},
		{"/a/%252F/", "/a/"},
		{"/a%252F..%253bb", ""},
		{"/a%2520b", "/a%20b"},
		{"/%25252e", "/%252e"},

		// overlong
		{"/a/%C0%AE%C0%AE/b", ""},
		{"/a%C0%AFb%C1%9Cc", "/a/b/c"},
		{"/%C1%A1dmin/%E0%81%A1/%F0%80%81%A1", "/admin/a/a"},
		{"/%25C0%25AE", ""},
		{"/%C0%80/%C0/%C0A/%E0%82%80/%F0%80%82%80", "/%C0%80/%C0/%C0A/%E0%82%80/%F0%80%82%80"},
	} {
		if got, err := LoosePath(tt.normal); got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("LoosePath(%q): got %q, %v, want %q", tt.normal, got, err, tt.want)
		}
	}
}

func TestNormalHost(t *testing.T) {
	for _, tt := range []struct{ header, want string }{
		{"app.example.com", "app.example.com"},
		{"App.Example.COM:8080", "app.example.com"},
		{"app.example.com.", "app.example.com"},
		{"app.example.com.:80", "app.example.com"},
		{"under_score", "under_score"},
		{"127.0.0.1:80", "127.0.0.1"},
		{"[::1]:80", "::1"},
		{"[2001:DB8:0:0::1]", "2001:db8::1"},
		{"[::1]x", ""},
		{"[::1%25eth0]", ""},
		{"[127.0.0.1]", ""},
		{"::1", ""},
		{"", ""},
		{":80", ""},
		{"..", ""},
		{"a..b", ""},
		{"a/b", ""},
		{"a b", ""},
		{"für.example", ""},
		{"user@example.com", ""},
	} {
		if got := NormalHost(tt.header); got != tt.want {
			t.Errorf("NormalHost(%q): got %q, want %q", tt.header, got, tt.want)
		}
	}
}
