package front

import (
	"bufio"
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"usher/proxy/http1"
)

// head joins with the line ends that RFC 9112 wants, and adds the empty line.
func head(lines ...string) []byte { return []byte(strings.Join(lines, "\r\n") + "\r\n\r\n") }

// ofBrowser is the head of a handshake as browsers write it.
var ofBrowser = head("GET /socket.io/?EIO=4&transport=websocket HTTP/1.1", "Host: app.example.com", "Connection: Upgrade",
	"Pragma: no-cache", "Cache-Control: no-cache", "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
	"Upgrade: websocket", "Origin: https://app.example.com", "Sec-WebSocket-Version: 13", "Accept-Encoding: gzip, deflate, br, zstd",
	"Accept-Language: en-US,en;q=0.5", "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark",
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits")

// requests are heads without a body that a Checker finds well formed.
var requests = map[string][]byte{
	"browser":                 ofBrowser,
	"plain":                   head("GET /a/b?c=d HTTP/1.1", "Host: a:80"),
	"empty host":              head("GET / HTTP/1.1", "Host:"),
	"two slashes":             head("GET //a/b HTTP/1.1", "Host: c"),
	"escaped path":            head("GET /a%2Fb%20c/%C3%A4?%zz HTTP/1.1", "Host: a"),
	"high bytes":              head("GET /\xc3\xa4\xff?\xff HTTP/1.1", "Host: a", "X: \xe4"),
	"question mark":           head("GET /a? HTTP/1.1", "Host: a"),
	"absolute form":           head("GET http://b:80/c?d HTTP/1.1", "Host: a"),
	"absolute form, https":    head("GET HTTPS://[2001:db8::1]/ HTTP/1.1", "Host: "),
	"absolute form, bare":     head("OPTIONS http://b HTTP/1.1", "Host: a"),
	"absolute form, query":    head("GET http://b?c=/ HTTP/1.1", "Host: a"),
	"asterisk":                head("OPTIONS * HTTP/1.1", "Host: a"),
	"colons":                  head("GET /a:b://c HTTP/1.1", "Host: a"),
	"later version":           head("GET / HTTP/1.9", "Host: a"),
	"http 1.0":                head("GET / HTTP/1.0"),
	"http 1.0, keep-alive":    head("GET / HTTP/1.0", "Host: a", "Connection: x, Keep-Alive"),
	"http 1.0, both":          head("GET / HTTP/1.0", "Connection: keep-alive", "Connection: close"),
	"close":                   head("GET / HTTP/1.1", "Host: a", "Connection: \tCLOSE ,x"),
	"not close":               head("GET / HTTP/1.1", "Host: a", "Connection: close x", "Connection: keep-alive"),
	"names of odd form":       head("GET / HTTP/1.1", "hOST: a", "sec-websocket-KEY: 1", "x--y-: 2", "-z: 3", "3dES_a.B: 4", "~: 5"),
	"same name thrice":        head("GET / HTTP/1.1", "Host: a", "x: 1", "Y: 2", "X: 3", "x: 4", "y: 5"),
	"white space":             head("GET / HTTP/1.1", "Host: \ta ", "X:", "Y: \t ", "Z: \ta  b\t"),
	"pragma":                  head("GET / HTTP/1.1", "Host: a", "Pragma: no-cache"),
	"pragma beside its like":  head("GET / HTTP/1.1", "Host: a", "Cache-Control: max-age=1", "Pragma: no-cache"),
	"another pragma":          head("GET / HTTP/1.1", "Host: a", "Pragma: x", "Pragma: no-cache"),
	"length zero":             head("POST / HTTP/1.1", "Host: a", "Content-Length: 00"),
	"trailer":                 head("GET / HTTP/1.1", "Host: a", "Trailer: X, Content-Length"),
	"method of another world": head("p+~ / HTTP/1.1", "Host: a"),
	"many lines":              head(slices.Insert(slices.Repeat([]string{"X: y"}, http1.MaxLines-1), 0, "GET / HTTP/1.1", "Host: a")...),
}

// build returns what this package makes of a head.
func build(head []byte) (*http.Request, error) {
	var parts http1.Head
	http1.Split(head, &parts)
	return newRequest(context.Background(), head, &parts)
}

// newTestServer returns a function that sends a head to a server of net/http's,
// and returns the request that its handler got, nil if none.
func newTestServer(t *testing.T) (send func(t *testing.T, head []byte) *http.Request) {
	requests := make(chan *http.Request, 1)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { requests <- r }))
	server.Config.DisableGeneralOptionsHandler = true
	server.Start()
	t.Cleanup(server.Close)
	return func(t *testing.T, head []byte) *http.Request {
		t.Helper()
		c, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.Write(head)
		if _, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil {
			t.Fatal(err)
		}
		select {
		case r := <-requests:
			return r
		default:
			return nil
		}
	}
}

// wantSame compares all fields that newRequest fills, and that the others are
// empty.
func wantSame(t *testing.T, got, want *http.Request) {
	t.Helper()
	got, want = got.WithContext(context.Background()), want.WithContext(context.Background())
	want.RemoteAddr = ""
	if reflect.DeepEqual(got, want) {
		return
	}
	g, w := reflect.ValueOf(*got), reflect.ValueOf(*want)
	for i, field := range reflect.VisibleFields(g.Type()) {
		if g, w := g.Field(i), w.Field(i); field.IsExported() && !reflect.DeepEqual(g.Interface(), w.Interface()) {
			t.Errorf("%s: got %#v, want %#v", field.Name, g, w)
		}
	}
	t.Errorf("got %+v, want %+v", got, want)
}

func TestRequest(t *testing.T) {
	send := newTestServer(t)
	for name, head := range requests {
		t.Run(name, func(t *testing.T) {
			var c http1.Checker
			if n, whole, err := c.CheckHead(head); n != len(head) || !whole || err != nil || c.InBody() {
				t.Fatalf("the head is no example: got %d, %t, %v", n, whole, err)
			}
			got, err := build(head)
			if err != nil {
				t.Fatal(err)
			}
			want := send(t, head)
			if want == nil {
				t.Fatal("net/http's handler got nothing")
			}
			wantSame(t, got, want)
		})
	}
}

// TestRequestLeft: what net/http answers without a handler, or on its own behind
// the handler's back, is left to it.
func TestRequestLeft(t *testing.T) {
	for _, line := range []string{"Expect: 100-continue", "expect: x", "Expect:"} {
		if got, err := build(head("GET / HTTP/1.1", "Host: a", line)); err == nil {
			t.Errorf("%s: got %+v, want an error", line, got)
		}
	}
}

// TestValuesStandAlone: a header that grows does not grow into another.
func TestValuesStandAlone(t *testing.T) {
	r, err := build(head("GET / HTTP/1.1", "Host: a", "X: 1", "Y: 2"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Add("X", "3")
	if got := r.Header["Y"]; !slices.Equal(got, []string{"2"}) {
		t.Errorf("Y: got %q, want 2", got)
	}
}

// FuzzRequest: net/http reads a head that a Checker finds well formed, and that
// has no body, in the same way.
func FuzzRequest(f *testing.F) {
	for _, head := range requests {
		f.Add(head, uint8(len(head)))
	}
	f.Add(head("GET / HTTP/1.1", "Host: a", "Expect: 100-continue"), uint8(1))
	f.Add([]byte("\r\nPOST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nxGET /b HTTP/1.1\r\nHost: b\r\n\r\n"), uint8(7))
	f.Fuzz(func(t *testing.T, stream []byte, piece uint8) {
		for _, head := range bodiless(stream, int(piece)+1) {
			want, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
			got, refused := build(head)
			switch {
			case refused == nil && err == nil:
				wantSame(t, got, want)
			case refused == nil:
				t.Fatalf("net/http refuses %q: %v", head, err)
			case err == nil && want.Header["Expect"] == nil:
				t.Fatalf("got %v for %q, which net/http takes", refused, head)
			}
		}
	})
}

// bodiless returns the heads in a stream that have no body, as the stream comes
// in pieces of a size.
func bodiless(stream []byte, piece int) (heads [][]byte) {
	var c http1.Checker
	var head []byte
	for len(stream) > 0 {
		p := stream[:min(len(stream), piece)]
		n, whole, err := c.Skip(p), false, error(nil)
		switch {
		case n > 0:
		case c.InBody():
			n, err = c.Check(p)
		default:
			n, whole, err = c.CheckHead(p)
			head = append(head, p[:n]...)
		}
		if err != nil {
			return heads
		}
		if whole && !c.InBody() {
			heads = append(heads, head)
		}
		if whole {
			head = nil
		}
		stream = stream[n:]
	}
	return heads
}

func BenchmarkRequest(b *testing.B) {
	b.Run("ours", func(b *testing.B) {
		b.ReportAllocs()
		var parts http1.Head
		for b.Loop() {
			http1.Split(ofBrowser, &parts)
			if _, err := newRequest(b.Context(), ofBrowser, &parts); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("net/http", func(b *testing.B) {
		b.ReportAllocs()
		var from bytes.Reader
		buffered := bufio.NewReader(&from)
		for b.Loop() {
			from.Reset(ofBrowser)
			buffered.Reset(&from)
			if _, err := http.ReadRequest(buffered); err != nil {
				b.Fatal(err)
			}
		}
	})
}
