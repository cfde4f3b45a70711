package http1

import (
	"errors"
	"strings"
	"testing"
	"unsafe"
)

// lines joins with the line ends that RFC 9112 wants, and adds the empty line.
func lines(l ...string) string { return strings.Join(l, "\r\n") + "\r\n\r\n" }

// run checks a stream in pieces of a size, and returns where requests ended.
func run(stream string, piece int) (passed int, ends []int, err error) {
	var c Checker
	for passed < len(stream) {
		p := stream[passed:min(len(stream), passed+piece)]
		if n := c.Skip([]byte(p)); n > 0 {
			passed += n
			continue
		}
		n, err := c.Check([]byte(p))
		passed += n
		if err != nil {
			return passed, ends, err
		}
		if c.state == inMethod && c.size == 0 {
			ends = append(ends, passed)
		}
	}
	return passed, ends, nil
}

func TestAccepted(t *testing.T) {
	tests := map[string]struct {
		stream string
		want   int // requests
	}{
		"plain":             {lines("GET / HTTP/1.1", "Host: a"), 1},
		"two":               {lines("GET / HTTP/1.1", "Host: a") + lines("GET /b?c=%zz HTTP/1.1", "Host: a"), 2},
		"empty host":        {lines("GET / HTTP/1.1", "Host:"), 1},
		"host with port":    {lines("GET / HTTP/1.1", "host:\t[::1]:80 \t"), 1},
		"http 1.0":          {lines("GET / HTTP/1.0"), 1},
		"address and port":  {lines("GET / HTTP/1.1", "Host: [::ffff:192.0.2.1]:65535"), 1},
		"empty port":        {lines("GET / HTTP/1.1", "Host: a:"), 1},
		"absolute form":     {lines("GET http://b:80/c?d HTTP/1.1", "Host: a"), 1},
		"https":             {lines("GET HTTPS://[2001:db8::1]:443/c%20d HTTP/1.1", "Host: "), 1},
		"no path":           {lines("OPTIONS http://b HTTP/1.1", "Host: a"), 1},
		"query alone":       {lines("GET http://b?c=/ HTTP/1.1", "Host: a"), 1},
		"two at once":       {lines("GET http://b/ HTTP/1.1", "Host: a") + lines("GET / HTTP/1.1", "Host: a"), 2},
		"empty line first":  {"\r\n" + lines("GET / HTTP/1.1", "Host: a"), 1},
		"empty line behind": {lines("POST / HTTP/1.1", "Host: a", "Content-Length: 2") + "ab\r\n" + lines("GET / HTTP/1.1", "Host: a"), 2},
		"http 1.2":          {lines("GET / HTTP/1.2", "Host: a"), 1},
		"http 1.9":          {lines("POST / HTTP/1.9", "Host: a", "Transfer-Encoding: chunked") + "0\r\n\r\n", 1},
		"options":           {lines("OPTIONS * HTTP/1.1", "Host: a"), 1},
		"empty value":       {lines("GET / HTTP/1.1", "Host: a", "X:", "Y: "), 1},
		"high bytes":        {lines("GET /\xc3\xa4 HTTP/1.1", "Host: a", "X: \xe4"), 1},
		"length":            {lines("POST / HTTP/1.1", "Host: a", "Content-Length: 5") + "\r\n\r\n!" + lines("GET / HTTP/1.1", "Host: a"), 2},
		"length zero":       {lines("POST / HTTP/1.1", "Host: a", "content-length: 0 ") + lines("GET / HTTP/1.1", "Host: a"), 2},
		"chunks":            {lines("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: Chunked") + "5;a=\"b\"\r\nhello\r\n00A\r\n0123456789\r\n0\r\n\r\n" + lines("GET / HTTP/1.1", "Host: a"), 2},
		"trailers":          {lines("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked") + "0\r\nX: y\r\nZ: 1\r\n\r\n" + lines("GET / HTTP/1.1", "Host: a"), 2},
		"upgrade":           {lines("GET / HTTP/1.1", "Host: a", "Upgrade: websocket") + lines("GET / HTTP/1.1", "Host: a"), 2},
		"upgrade with body": {lines("POST / HTTP/1.1", "Host: a", "Upgrade: h2c", "Content-Length: 2") + "\r\n" + lines("GET / HTTP/1.1", "Host: a"), 2},
		"longest head":      {"GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", MaxHead-32) + "\r\n\r\n", 1},
		"many headers":      {"GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: y\r\n", MaxLines-1) + "\r\n", 1},
		"many in trailers":  {lines("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked") + "0\r\n" + strings.Repeat("X: y\r\n", MaxLines) + "\r\n", 1},
		"largest length":    {lines("POST / HTTP/1.1", "Host: a", "Content-Length: 9223372036854775807") + "x", 0},
		"twin of a framing": {lines("POST / HTTP/1.1", "Host: a", "Content-Length-X: 5", "Transfer-Encoding-And-More: x"), 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for _, piece := range []int{1, 2, 3, 7, 1 << 20} {
				n, ends, err := run(tt.stream, piece)
				if err != nil || n != len(tt.stream) || len(ends) != tt.want {
					t.Errorf("pieces of %d: got %d of %d bytes, %d requests and %v, want all and %d", piece, n, len(tt.stream), len(ends), err, tt.want)
				}
			}
		})
	}
}

// TestAttack10Smuggling has one form of each way to hide a request from one of
// two readers.
func TestAttack10Smuggling(t *testing.T) {
	const post = "POST / HTTP/1.1\r\nHost: a\r\n"
	tests := map[string]string{
		"bare LF in the first line":   "GET / HTTP/1.1\nHost: a\r\n\r\n",
		"bare LF behind a header":     "GET / HTTP/1.1\r\nHost: a\n\r\n",
		"bare LF for the empty line":  "GET / HTTP/1.1\r\nHost: a\r\n\n",
		"two empty lines":             "\r\n\r\n" + lines("GET / HTTP/1.1", "Host: a"),
		"empty line of LF":            "\n" + lines("GET / HTTP/1.1", "Host: a"),
		"empty line of CR":            "\r" + lines("GET / HTTP/1.1", "Host: a"),
		"space for an empty line":     " \r\n" + lines("GET / HTTP/1.1", "Host: a"),
		"absolute form without Host":  lines("GET http://b/ HTTP/1.1"),
		"absolute form, bad Host":     lines("GET http://b/ HTTP/1.1", "Host: a/b"),
		"absolute form, two Hosts":    lines("GET http://b/ HTTP/1.1", "Host: b", "Host: b"),
		"absolute form with a user":   lines("GET http://a:b@c/ HTTP/1.1", "Host: c"),
		"user alone":                  lines("GET http://a@c/ HTTP/1.1", "Host: c"),
		"absolute form without host":  lines("GET http:///a HTTP/1.1", "Host: a"),
		"port without host":           lines("GET http://:80/a HTTP/1.1", "Host: a"),
		"absolute form, bad port":     lines("GET http://a:8o/ HTTP/1.1", "Host: a"),
		"two ports":                   lines("GET http://a:80:80/ HTTP/1.1", "Host: a"),
		"address without end":         lines("GET http://[::1/ HTTP/1.1", "Host: a"),
		"address that is none":        lines("GET http://[:::]/ HTTP/1.1", "Host: a"),
		"address with a zone":         lines("GET http://[fe80::1%25eth0]/ HTTP/1.1", "Host: a"),
		"long address":                lines("GET http://["+strings.Repeat("0", 50)+"::1]/ HTTP/1.1", "Host: a"),
		"escape in the authority":     lines("GET http://a%2eb/ HTTP/1.1", "Host: a"),
		"backslash in the authority":  lines("GET http://a\\b/ HTTP/1.1", "Host: a"),
		"foreign scheme":              lines("GET ftp://a/ HTTP/1.1", "Host: a"),
		"ws for a scheme":             lines("GET ws://a/ HTTP/1.1", "Host: a"),
		"scheme and more":             lines("GET httpss://a/ HTTP/1.1", "Host: a"),
		"scheme without slashes":      lines("GET http:a HTTP/1.1", "Host: a"),
		"one slash":                   lines("GET http:/a HTTP/1.1", "Host: a"),
		"scheme alone":                lines("GET http:// HTTP/1.1", "Host: a"),
		"no form":                     lines("GET a HTTP/1.1", "Host: a"),
		"query for a path":            lines("GET ?a HTTP/1.1", "Host: a"),
		"authority form":              lines("GET b:443 HTTP/1.1", "Host: a"),
		"fragment of a URI":           lines("GET http://a#b HTTP/1.1", "Host: a"),
		"malformed escape of a URI":   lines("GET http://a/%2 HTTP/1.1", "Host: a"),
		"space in a URI":              lines("GET http://a/b c HTTP/1.1", "Host: a"),
		"two ports of Host":           lines("GET / HTTP/1.1", "Host: a:80:80"),
		"Host of a port":              lines("GET / HTTP/1.1", "Host: :80"),
		"Host with half an address":   lines("GET / HTTP/1.1", "Host: [::1"),
		"Host with no address":        lines("GET / HTTP/1.1", "Host: [a]"),
		"two digits of version":       lines("GET / HTTP/1.10", "Host: a"),
		"version without minor":       lines("GET / HTTP/1", "Host: a"),
		"version of letters":          lines("GET / HTTP/1.x", "Host: a"),
		"no version":                  lines("GET /", "Host: a"),
		"bare CR in a value":          lines("GET / HTTP/1.1", "Host: a", "X: a\rb"),
		"CR without LF":               "GET / HTTP/1.1\r\nHost: a\r\n\rX",
		"NUL in a value":              lines("GET / HTTP/1.1", "Host: a", "X: a\x00"),
		"folded with a space":         lines("GET / HTTP/1.1", "Host: a", " b"),
		"folded with a tab":           lines("GET / HTTP/1.1", "Host: a", "X: a", "\tb"),
		"folded first line":           lines("GET / HTTP/1.1", " Host: a"),
		"space before the colon":      lines("POST / HTTP/1.1", "Host: a", "Content-Length : 5"),
		"tab before the colon":        lines("POST / HTTP/1.1", "Host: a", "Transfer-Encoding\t: chunked"),
		"no colon":                    lines("GET / HTTP/1.1", "Host: a", "Xa"),
		"no name":                     lines("GET / HTTP/1.1", "Host: a", ": a"),
		"NUL in a name":               lines("POST / HTTP/1.1", "Host: a", "Transfer-Encoding\x00: chunked"),
		"length and chunks":           lines("POST / HTTP/1.1", "Host: a", "Content-Length: 5", "Transfer-Encoding: chunked"),
		"chunks and length":           lines("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked", "Content-Length: 5"),
		"two lengths":                 lines("POST / HTTP/1.1", "Host: a", "Content-Length: 5", "Content-Length: 6"),
		"same length twice":           lines("POST / HTTP/1.1", "Host: a", "Content-Length: 5", "Content-Length: 5"),
		"list of lengths":             lines("POST / HTTP/1.1", "Host: a", "Content-Length: 5, 5"),
		"signed length":               lines("POST / HTTP/1.1", "Host: a", "Content-Length: +5"),
		"negative length":             lines("POST / HTTP/1.1", "Host: a", "Content-Length: -5"),
		"hexadecimal length":          lines("POST / HTTP/1.1", "Host: a", "Content-Length: 0x5"),
		"empty length":                lines("POST / HTTP/1.1", "Host: a", "Content-Length:"),
		"length with a space":         lines("POST / HTTP/1.1", "Host: a", "Content-Length: 1 0"),
		"length that overflows":       lines("POST / HTTP/1.1", "Host: a", "Content-Length: 9223372036854775808"),
		"length of 2^64":              lines("POST / HTTP/1.1", "Host: a", "Content-Length: 18446744073709551616"),
		"length of 2^64+5":            lines("POST / HTTP/1.1", "Host: a", "Content-Length: 18446744073709551621"),
		"two encodings":               lines("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: gzip, chunked"),
		"chunked twice":               lines("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
		"chunked and identity":        lines("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
		"xchunked":                    lines("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: xchunked"),
		"quoted chunked":              lines("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: \"chunked\""),
		"chunked behind VT":           lines("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: \x0bchunked"),
		"empty encoding":              lines("POST / HTTP/1.1", "Host: a", "Transfer-Encoding:"),
		"long encoding":               lines("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked"+strings.Repeat("d", 30)),
		"chunks in http 1.0":          lines("POST / HTTP/1.0", "Host: a", "Transfer-Encoding: chunked"),
		"two hosts":                   lines("GET / HTTP/1.1", "Host: a", "Host: b"),
		"same host twice":             lines("GET / HTTP/1.1", "Host: a", "host: a"),
		"no host":                     lines("GET / HTTP/1.1"),
		"host with a user":            lines("GET / HTTP/1.1", "Host: a@b"),
		"host with a path":            lines("GET / HTTP/1.1", "Host: a/b"),
		"host list":                   lines("GET / HTTP/1.1", "Host: a, b"),
		"port beyond 65535":           lines("GET / HTTP/1.1", "Host: a.test:99999"),
		"port beyond 65535 in target": lines("GET http://a.test:65536/ HTTP/1.1", "Host: a.test"),
		"two words of host":           lines("GET / HTTP/1.1", "Host: a b"),
		"asterisk":                    lines("GET * HTTP/1.1", "Host: a"),
		"asterisk of a lookalike":     lines("XOPTIONS * HTTP/1.1", "Host: a"),
		"asterisk and more":           lines("OPTIONS *a HTTP/1.1", "Host: a"),
		"fragment":                    lines("GET /#a HTTP/1.1", "Host: a"),
		"control in the target":       lines("GET /\x01 HTTP/1.1", "Host: a"),
		"malformed escape":            lines("GET /%2 HTTP/1.1", "Host: a"),
		"malformed escape at the end": lines("GET /%zz HTTP/1.1", "Host: a"),
		"two spaces":                  lines("GET  / HTTP/1.1", "Host: a"),
		"space behind the version":    lines("GET / HTTP/1.1 ", "Host: a"),
		"tab for a space":             lines("GET\t/ HTTP/1.1", "Host: a"),
		"http 0.9":                    "GET /\r\n",
		"lower-case version":          lines("GET / http/1.1", "Host: a"),
		"chunk without size":          lines(post+"Transfer-Encoding: chunked") + "\r\n",
		"chunk with a sign":           lines(post+"Transfer-Encoding: chunked") + "+5\r\nhello\r\n",
		"chunk with 0x":               lines(post+"Transfer-Encoding: chunked") + "0x5\r\nhello\r\n",
		"chunk with a space":          lines(post+"Transfer-Encoding: chunked") + "5 \r\nhello\r\n",
		"chunk ended by LF":           lines(post+"Transfer-Encoding: chunked") + "5\nhello\r\n",
		"LF in an extension":          lines(post+"Transfer-Encoding: chunked") + "5;a\nhello\r\n",
		"CR in an extension":          lines(post+"Transfer-Encoding: chunked") + "5;a\rx\r\nhello\r\n",
		"long extension":              lines(post+"Transfer-Encoding: chunked") + "5;" + strings.Repeat("a", 300) + "\r\nhello\r\n",
		"chunk that overflows":        lines(post+"Transfer-Encoding: chunked") + "10000000000000005\r\nhello\r\n",
		"chunk that is longer":        lines(post+"Transfer-Encoding: chunked") + "5\r\nhelloo\r\n",
		"data ended by LF":            lines(post+"Transfer-Encoding: chunked") + "5\r\nhello\n0\r\n\r\n",
		"bare LF in the trailers":     lines(post+"Transfer-Encoding: chunked") + "0\r\nX: y\n\r\n",
		"length in the trailers":      lines(post+"Transfer-Encoding: chunked") + "0\r\nContent-Length: 5\r\n\r\n",
	}
	for name, stream := range tests {
		t.Run(name, func(t *testing.T) {
			wantBroken(t, stream, 400)
		})
	}
}

func TestTooLarge(t *testing.T) {
	for name, stream := range map[string]string{
		"method":   strings.Repeat("A", 2*MaxHead),
		"name":     "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("A", MaxHead),
		"value":    "GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("a", MaxHead),
		"spaces":   "GET / HTTP/1.1\r\nHost: a\r\nX:" + strings.Repeat(" ", MaxHead),
		"lines":    "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: y\r\n", MaxLines) + "\r\n",
		"trailers": "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + strings.Repeat("X: y\r\n", MaxLines+1) + "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			wantBroken(t, stream, 431)
		})
	}
}

// TestOtherStatus has the errors that have a closer status.
func TestOtherStatus(t *testing.T) {
	for name, tt := range map[string]struct {
		stream string
		status int
	}{
		"target":       {"GET /" + strings.Repeat("a", MaxHead) + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
		"http 2":       {lines("GET / HTTP/2.0", "Host: a"), 505},
		"http 0.9":     {lines("GET / HTTP/0.9"), 505},
		"h2 preface":   {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
		"CONNECT":      {lines("CONNECT b:443 HTTP/1.1", "Host: b:443"), 405},
		"CONNECT of *": {lines("CONNECT * HTTP/1.1", "Host: a"), 405},
	} {
		t.Run(name, func(t *testing.T) {
			wantBroken(t, tt.stream, tt.status)
		})
	}
}

// TestRules: the text of an error names what is wrong.
func TestRules(t *testing.T) {
	for stream, want := range map[string]string{
		"GET / HTTP/1.1\nHost: a\r\n\r\n": "CR LF (RFC 9112, 2.2)",
		"\r\n\r\nGET":                     "begin with a method and a space (RFC 9112, 3)",
		"GET  /":                          "single spaces (RFC 9112, 3)",
		"GET /\r\n":                       "must have a version (RFC 9112, 3)",
		"GET b":                           "a path, or an http or https URI (RFC 9112, 3.2)",
		"GET http://a@b/":                 "a host, with an optional port and no user (RFC 9110, 4.2)",
		"GET * HTTP/1.1\r\n":              "only OPTIONS may ask for * (RFC 9112, 3.2.4)",
		"CONNECT b":                       "CONNECT is not served",
		"GET /#":                          "must be escaped (RFC 3986, 2)",
		"GET / HTTP/1.x":                  "HTTP/ and two digits (RFC 9112, 2.3)",
		"GET / HTTP/3.0":                  "version must be 1.1 here (RFC 9110, 15.6.6)",
		lines("GET / HTTP/1.1"):           "Host must stand once",
		lines("GET / HTTP/1.1", "Host: a", "Host: a"):            "Host must stand once",
		lines("GET / HTTP/1.1", "Host: a b"):                     "a name or address with an optional port (RFC 9112, 3.2)",
		lines("GET / HTTP/1.1", "Content-Length: 1 0"):           "Content-Length must stand once, as a number (RFC 9110, 8.6)",
		lines("GET / HTTP/1.1", "Transfer-Encoding: chunked, a"): "Transfer-Encoding must stand once, as chunked (RFC 9112, 6.1)",
	} {
		if _, _, err := run(stream, 1<<20); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", stream, err, want)
		}
	}
}

func TestSkipIsOncePerRequest(t *testing.T) {
	var c Checker
	for _, step := range []struct {
		p    string
		want int
	}{{"\r", 1}, {"\nGET", 1}, {"\r\n", 0}, {"", 0}} {
		if got := c.Skip([]byte(step.p)); got != step.want {
			t.Errorf("Skip %q: got %d, want %d", step.p, got, step.want)
		}
	}
	stream := lines("GET / HTTP/1.1", "Host: a")
	if n, err := c.Check([]byte(stream)); n != len(stream) || err != nil {
		t.Errorf("behind the empty line: got %d, %v", n, err)
	}
	if got := c.Skip([]byte("\r\n")); got != 2 {
		t.Errorf("Skip before the next: got %d, want 2", got)
	}
}

func TestAbsolute(t *testing.T) {
	for target, want := range map[string][3]any{
		"/a":              {"", "", false},
		"*":               {"", "", false},
		"HTTP://a":        {"http", "", true},
		"https://a:80/b?": {"https", "/b?", true},
		"http://a?b=/":    {"http", "?b=/", true},
		"/?u=http://a":    {"", "", false},
	} {
		if scheme, rest, ok := Absolute(target); scheme != want[0] || rest != want[1] || ok != want[2] {
			t.Errorf("%q: got %q, %q, %v, want %v", target, scheme, rest, ok, want)
		}
	}
}

func TestValidHost(t *testing.T) {
	for host, want := range map[string]bool{
		"": true, "a": true, "a_b.example:8080": true, "127.0.0.1:": true, "[::1]": true, "[::1]:80": true,
		"a:65535": true, "a:00080": true, "a:65536": false, "a:99999": false, "[::1]:65616": false, "a:4294967376": false, "a:18446744073709551696": false,
		"a:b": false, "a b": false, "[::1": false, "::1": false, "[1.2.3.4]": false, "[fe80::1%25x]": false, "[::1]a": false, "a@b": false, "a[::1]": false,
	} {
		if got := ValidHost(host); got != want {
			t.Errorf("%q: got %v, want %v", host, got, want)
		}
	}
}

// wantBroken wants an error at the same byte, however the stream is split.
func wantBroken(t *testing.T, stream string, status int) {
	t.Helper()
	at := -1
	for _, piece := range []int{1, 2, 5, 1 << 20} {
		n, _, err := run(stream, piece)
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Status != status || e.Rule == "" {
			t.Fatalf("pieces of %d: got %v, want an error of status %d", piece, err, status)
		}
		if at >= 0 && n != at {
			t.Errorf("pieces of %d: got the error behind %d bytes, want %d", piece, n, at)
		}
		at = n
	}
}

func TestErrorStays(t *testing.T) {
	var c Checker
	_, first := c.Check([]byte("\n"))
	n, again := c.Check([]byte(lines("GET / HTTP/1.1", "Host: a")))
	if n != 0 || again == nil || !errors.Is(again, first) {
		t.Errorf("after an error: got %d, %v, want 0 and %v", n, again, first)
	}
}

func TestCheckStopsBehindARequest(t *testing.T) {
	first, second := lines("GET /a HTTP/1.1", "Host: a"), lines("GET /b HTTP/1.1", "Host: a")
	var c Checker
	if n, err := c.Check([]byte(first + second)); n != len(first) || err != nil {
		t.Errorf("two requests at once: got %d, %v, want %d", n, err, len(first))
	}
	if n, err := c.Check([]byte(second)); n != len(second) || err != nil {
		t.Errorf("the second: got %d, %v, want %d", n, err, len(second))
	}
}

func TestCheckDoesNotAllocate(t *testing.T) {
	stream := []byte(lines("POST /a?b HTTP/1.1", "Host: example.com", "Content-Length: 3", "Cookie: a=b") + "abc" +
		lines("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked") + "3\r\nabc\r\n0\r\n\r\n")
	var c Checker
	if got := testing.AllocsPerRun(100, func() {
		for p := stream; len(p) > 0; {
			n, err := c.Check(p)
			if err != nil {
				t.Fatal(err)
			}
			p = p[n:]
		}
	}); got != 0 {
		t.Errorf("allocations: got %v, want 0", got)
	}
	if got := unsafe.Sizeof(c); got > 96 {
		t.Errorf("size of a Checker: got %d, want 96 or less", got)
	}
}

func BenchmarkCheck(b *testing.B) {
	p := []byte(lines("GET /socket.io/?EIO=4&transport=websocket HTTP/1.1", "Host: app.example.com",
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Accept: */*",
		"Accept-Language: en-US,en;q=0.5", "Accept-Encoding: gzip, deflate, br, zstd", "Origin: https://app.example.com",
		"Cookie: session=0123456789abcdef0123456789abcdef; theme=dark", "Cache-Control: no-cache"))
	b.SetBytes(int64(len(p)))
	var c Checker
	for b.Loop() {
		if _, err := c.Check(p); err != nil {
			b.Fatal(err)
		}
	}
}
