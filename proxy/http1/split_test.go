package http1

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// headsOf returns the heads of a stream that comes in pieces of a size, and how
// much of it was well formed.
func headsOf(t *testing.T, stream []byte, piece int) (heads [][]byte, passed int) {
	t.Helper()
	var c Checker
	var head []byte
	for passed < len(stream) {
		p := stream[passed:min(len(stream), passed+piece)]
		if n := c.Skip(p); n > 0 {
			passed += n
			continue
		}
		var n int
		var whole bool
		var err error
		if c.InBody() {
			n, err = c.Check(p)
		} else {
			n, whole, err = c.CheckHead(p)
			head = append(head, p[:n]...)
		}
		passed += n
		if err != nil {
			return heads, passed
		}
		if whole {
			heads, head = append(heads, head), nil
		}
		if got, want := c.Started(), len(head) > 0 || c.InBody(); got != want {
			t.Fatalf("a request has started behind %q: got %t, want %t", stream[:passed], got, want)
		}
	}
	return heads, passed
}

// describe shows the parts of a head.
func describe(head []byte) string {
	var h Head
	Split(head, &h)
	part := func(s Span) []byte { return head[s.From:s.To] }
	text := fmt.Appendf(nil, "%s %s %d", part(h.Method), part(h.Target), h.Minor)
	for _, l := range h.Lines {
		text = fmt.Appendf(text, "|%s=%s", part(l.Name), part(l.Value))
	}
	return string(text)
}

func TestSplit(t *testing.T) {
	for name, tt := range map[string]struct {
		stream string
		want   []string
	}{
		"no lines":        {lines("GET / HTTP/1.0"), []string{"GET / 0"}},
		"lines":           {lines("GET /a?b:c HTTP/1.1", "Host: a:80", "X-Y: b:c"), []string{"GET /a?b:c 1|Host=a:80|X-Y=b:c"}},
		"white space":     {lines("GET / HTTP/1.1", "Host:a", "A: \t b \t c\t ", "B:", "C: \t "), []string{"GET / 1|Host=a|A=b \t c|B=|C="}},
		"absolute form":   {lines("GET http://a:80/b HTTP/1.9", "host: [::1]"), []string{"GET http://a:80/b 9|host=[::1]"}},
		"asterisk":        {lines("OPTIONS * HTTP/1.1", "Host: a"), []string{"OPTIONS * 1|Host=a"}},
		"same name twice": {lines("GET / HTTP/1.1", "Host: a", "X: 1", "x: 2"), []string{"GET / 1|Host=a|X=1|x=2"}},
		"longest":         {"GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", MaxHead-32) + "\r\n\r\n", []string{"GET / 1|Host=a|X=" + strings.Repeat("x", MaxHead-32)}},
		"behind an empty line": {
			lines("GET /a HTTP/1.1", "Host: a") + "\r\n" + lines("GET /b HTTP/1.1", "Host: b"),
			[]string{"GET /a 1|Host=a", "GET /b 1|Host=b"},
		},
		"before a counted body": {
			lines("POST /a HTTP/1.1", "Host: a", "Content-Length: 4") + "\r\n\r\n" + lines("GET /b HTTP/1.1", "Host: b"),
			[]string{"POST /a 1|Host=a|Content-Length=4", "GET /b 1|Host=b"},
		},
		"before chunks and trailers": {
			lines("POST /a HTTP/1.1", "Host: a", "Transfer-Encoding: chunked") + "1\r\na\r\n0\r\nX: y\r\n\r\n" + lines("GET /b HTTP/1.1", "Host: b"),
			[]string{"POST /a 1|Host=a|Transfer-Encoding=chunked", "GET /b 1|Host=b"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, piece := range []int{1, 2, 3, 7, 1 << 20} {
				var got []string
				heads, passed := headsOf(t, []byte(tt.stream), piece)
				for _, head := range heads {
					got = append(got, describe(head))
				}
				if !slices.Equal(got, tt.want) || passed != len(tt.stream) {
					t.Errorf("pieces of %d: got %d bytes, %q, want %d, %q", piece, passed, got, len(tt.stream), tt.want)
				}
			}
		})
	}
}

// TestCheckHeadStops: what stands behind a head is left for whoever serves it.
func TestCheckHeadStops(t *testing.T) {
	for name, tt := range map[string]struct {
		head, behind string
		body         bool
	}{
		"no body":     {lines("GET / HTTP/1.1", "Host: a"), "GET", false},
		"length zero": {lines("POST / HTTP/1.1", "Host: a", "Content-Length: 0"), "GET", false},
		"length":      {lines("POST / HTTP/1.1", "Host: a", "Content-Length: 3"), "GET", true},
		"chunks":      {lines("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked"), "0\r\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			var c Checker
			n, whole, err := c.CheckHead([]byte(tt.head + tt.behind))
			if n != len(tt.head) || !whole || err != nil || c.InBody() != tt.body || c.Started() != tt.body {
				t.Errorf("got %d, %t, %v, in a body %t, started %t; want %d, true, no error, %t, %[5]t", n, whole, err, c.InBody(), c.Started(), len(tt.head), tt.body)
			}
		})
	}
	var c Checker
	if n, whole, err := c.CheckHead([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r")); n != 26 || whole || err != nil {
		t.Errorf("a byte short: got %d, %t, %v, want 26, false", n, whole, err)
	}
	if _, whole, err := c.CheckHead([]byte("\r")); whole || err == nil {
		t.Errorf("another byte: got %t, %v, want an error", whole, err)
	}
	if n, whole, err := c.CheckHead([]byte("\n")); n != 0 || whole || err == nil {
		t.Errorf("after an error: got %d, %t, %v, want 0, false and the error", n, whole, err)
	}
}

func TestStarted(t *testing.T) {
	var c Checker
	for _, step := range []struct {
		skip, check string
		want        bool
	}{{"", "", false}, {"\r", "", false}, {"\n", "", false}, {"", "G", true}, {"", "ET / HTTP/1.1\r\nHost: a\r\n\r\n", false}} {
		c.Skip([]byte(step.skip))
		if _, _, err := c.CheckHead([]byte(step.check)); err != nil {
			t.Fatal(err)
		}
		if got := c.Started(); got != step.want {
			t.Errorf("behind %q: got %t, want %t", step.skip+step.check, got, step.want)
		}
	}
}

func TestSplitDoesNotAllocate(t *testing.T) {
	head := []byte(lines("GET /a?b HTTP/1.1", "Host: example.com", "Cookie: a=b", "Origin: null"))
	var h Head
	Split(head, &h)
	if got := testing.AllocsPerRun(100, func() { Split(head, &h) }); got != 0 {
		t.Errorf("allocations: got %v, want 0", got)
	}
}

// FuzzSplit: the spans of a head and what must stand between them are the head,
// however its stream was split.
func FuzzSplit(f *testing.F) {
	f.Add([]byte(lines("GET /a?b HTTP/1.1", "Host: a:80", "X:  y\t ", "Z:")), uint8(0))
	f.Add([]byte("\r\n"+lines("POST * HTTP/1.0", "Content-Length: 2")+"hi"+lines("OPTIONS * HTTP/1.1", "Host:")), uint8(2))
	f.Add([]byte(lines("POST http://a HTTP/1.2", "Host: a", "Transfer-Encoding: chunked")+"1\r\na\r\n0\r\nX: y\r\n\r\n"+lines("GET / HTTP/1.1", "Host: a")), uint8(5))
	f.Fuzz(func(t *testing.T, stream []byte, piece uint8) {
		heads, passed := headsOf(t, stream, int(piece)+1)
		all, allPassed := headsOf(t, stream, len(stream)+1)
		if !slices.EqualFunc(heads, all, bytes.Equal) || passed != allPassed {
			t.Fatalf("split changes the outcome: got %q, %d, want %q, %d", heads, passed, all, allPassed)
		}
		if n, _, _ := run(string(stream), len(stream)+1); n != passed {
			t.Fatalf("well formed: got %d bytes by heads, %d by requests", passed, n)
		}
		for _, head := range heads {
			wantJoined(t, head)
		}
	})
}

// wantJoined puts the parts of a head together again.
func wantJoined(t *testing.T, head []byte) {
	t.Helper()
	var h Head
	Split(head, &h)
	part := func(s Span) []byte { return head[s.From:s.To] }
	joined := fmt.Appendf(nil, "%s %s HTTP/1.%d\r\n", part(h.Method), part(h.Target), h.Minor)
	for _, l := range h.Lines {
		value := part(l.Value)
		if !IsToken(string(part(l.Name))) || !IsValue(string(value)) || len(bytes.Trim(value, " \t")) != len(value) {
			t.Fatalf("got the line %q, %q of %q", part(l.Name), value, head)
		}
		joined = fmt.Appendf(joined, "%s:", part(l.Name))
		joined = append(joined, spaces(head[len(joined):])...)
		if len(value) > 0 && len(joined) != int(l.Value.From) {
			t.Fatalf("value of %q: got it at %d, want %d", part(l.Name), l.Value.From, len(joined))
		}
		joined = append(joined, value...)
		joined = append(joined, spaces(head[len(joined):])...)
		joined = append(joined, "\r\n"...)
	}
	if joined = append(joined, "\r\n"...); !bytes.Equal(joined, head) {
		t.Fatalf("joined: got %q, want %q", joined, head)
	}
}

func spaces(p []byte) []byte { return p[:len(p)-len(bytes.TrimLeft(p, " \t"))] }

func BenchmarkSplit(b *testing.B) {
	head := []byte(lines("GET /socket.io/?EIO=4&transport=websocket HTTP/1.1", "Host: app.example.com",
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Accept: */*",
		"Accept-Language: en-US,en;q=0.5", "Accept-Encoding: gzip, deflate, br, zstd", "Origin: https://app.example.com",
		"Cookie: session=0123456789abcdef0123456789abcdef; theme=dark", "Cache-Control: no-cache"))
	b.SetBytes(int64(len(head)))
	var h Head
	for b.Loop() {
		Split(head, &h)
	}
}
