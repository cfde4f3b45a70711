package proxy_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// newTestReader returns an upstream that reads what is asked for, and answers as
// its path says.
func newTestReader(t *testing.T) *backend {
	t.Helper()
	return newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/early":
			http.NewResponseController(w).EnableFullDuplex()
			io.WriteString(w, "early")
			http.NewResponseController(w).Flush()
		case "/endless":
			page := bytes.Repeat([]byte("a"), 64<<10)
			for range endless / len(page) {
				if _, err := w.Write(page); err != nil {
					return
				}
			}
			return
		}
		io.Copy(io.Discard, r.Body)
	})
}

const endless = 100 << 20

// wantLeft waits until nobody has a connection to the upstream any more.
func (b *backend) wantLeft(t *testing.T) {
	t.Helper()
	wantSoon(t, "connections of the upstream", 0, b.open.Load)
}

// crowd is how many clients there are of the bad kind.
func crowd() int {
	if os.Getenv("USHER_FULL_TESTS") != "" {
		return 1000
	}
	return 50
}

// held are requests whose body does not come, and what they are told. The upstream
// of an early answer has said all it has to say.
var held = map[string]string{
	"POST /page HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\na":                            "408",
	"POST /page HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\na":                    "408",
	"POST /page HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n":          "408",
	"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\na":                              "200",
	"POST /nowhere HTTP/1.1\r\nHost: elsewhere\r\nContent-Length: 1000\r\n\r\na":                    "421",
	strings.Replace(upgradeHead, "Connection:", "Content-Length: 35\r\nConnection:", 1) + "a":       "400",
	"GET /folder HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\na":                              "308",
	"POST /folder HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\nConnection: keep-alive\r\n\r\n": "408",
}

// Row 32 of the attacks: whoever holds a body back is given up, by whatever way it
// would have gone, and nothing is left of it here and at the upstream.
func TestAttack32HeldBodies(t *testing.T) {
	up := newTestReader(t)
	b := newTestBroker(t, fmt.Sprintf("body_timeout: 1s\nupstreams: {main: %q}\nroutes:\n  - {host: a, upstream: main}\n  - {host: a, path: /folder, strip_prefix: /folder, upstream: main}\n", up.URL))
	for request, want := range held {
		batches(t, crowd(), func(int) {
			c := dialRaw(t, b.address)
			io.WriteString(c, request)
			told, _ := io.ReadAll(c) // to the end
			answer := strings.TrimPrefix(string(told), "HTTP/1.1 100 Continue\r\n\r\n")
			if !strings.HasPrefix(answer, "HTTP/1.1 "+want) {
				t.Errorf("%q: got %.60q, want %s", request, told, want)
			}
		})
	}
	up.wantLeft(t)
	wantSoon(t, "refusals", uint64(4*crowd()), func() uint64 { return b.Stats().Refusals["body"] })
}

// Row 32 by HTTP/2: the stream ends, and the connection's others do not.
func TestAttack32HeldStreams(t *testing.T) {
	up := newTestReader(t)
	b, client := newTestStreams(t, "body_timeout: 200ms\n"+oneRoute(up.URL))
	h := dialH2(t, b.address, client.trust)
	for range 10 {
		id := h.ask(false, ":method", "POST", ":scheme", "https", ":authority", b.address, ":path", "/page", "content-length", "1000000")
		h.data(id, false, 'a')
		if got := h.outcome(id); got != "408" {
			t.Fatalf("stream %d: got %s, want 408", id, got)
		}
	}
	up.wantLeft(t)
	id := h.ask(true, ":method", "GET", ":scheme", "https", ":authority", b.address, ":path", "/page")
	if got := h.outcome(id); got != "200" {
		t.Errorf("another stream: got %s, want 200", got)
	}
}

// A body that comes little by little takes the time that it takes.
func TestSlowBody(t *testing.T) {
	up := newTestReader(t)
	b := newTestBroker(t, "body_timeout: 1s\n"+oneRoute(up.URL))
	c := dialRaw(t, b.address)
	io.WriteString(c, "POST /page HTTP/1.1\r\nHost: a\r\nContent-Length: 15\r\n\r\n")
	for range 15 {
		io.WriteString(c, "a")
		time.Sleep(100 * time.Millisecond) // it is the time that is tested
	}
	if resp, _ := readHead(t, c); resp.StatusCode != http.StatusOK || resp.Close {
		t.Errorf("got %s, want 200, and the connection kept", resp.Status)
	}
}

// Row 33 of the attacks: whoever takes nothing of its answer is given up.
func TestAttack33UnreadAnswers(t *testing.T) {
	up := newTestReader(t)
	b := newTestBroker(t, "write_timeout: 300ms\n"+oneRoute(up.URL))
	before := memory()
	var clients []net.Conn
	for range crowd() {
		c := dialRaw(t, b.address)
		clients = append(clients, c)
		io.WriteString(c, "GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
	}
	wantSoon(t, "requests", int64(crowd()), up.requests.Load)
	if each := (memory() - before) / len(clients); each > 512<<10 {
		t.Errorf("memory for each: got %d bytes", each)
	}
	up.wantLeft(t)
	for _, c := range clients {
		if n, err := io.Copy(io.Discard, c); err == nil && n >= endless {
			t.Errorf("got the whole answer")
		}
	}
}

// Whoever sends requests and reads no answer is given up, too, however small they
// are.
func TestUnreadAnswersOfUsher(t *testing.T) {
	up := newTestReader(t)
	b := newTestBroker(t, "write_timeout: 300ms\n"+strings.Replace(oneRoute(up.URL), "path: /,", "path: /page,", 1))
	c := dialRaw(t, b.address)
	request := []byte(strings.Repeat("GET /none HTTP/1.1\r\nHost: a\r\n\r\n", 100))
	for {
		if _, err := c.Write(request); err != nil {
			if ne, ok := err.(net.Error); ok && ne.Timeout() {
				t.Errorf("got %v, want the connection closed", err)
			}
			return
		}
	}
}

// Row 33 by HTTP/2, whose streams a client stops by their windows.
func TestAttack33UnreadStreams(t *testing.T) {
	up := newTestReader(t)
	b, client := newTestStreams(t, "write_timeout: 300ms\n"+oneRoute(up.URL))
	h := dialH2(t, b.address, client.trust)
	h.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
	for range 50 {
		h.ask(true, ":method", "GET", ":scheme", "https", ":authority", b.address, ":path", "/endless")
	}
	for reset := 0; reset < 50; {
		f, err := h.ReadFrame()
		if err != nil {
			t.Fatalf("after %d resets: %v", reset, err)
		}
		if _, ok := f.(*http2.RSTStreamFrame); ok {
			reset++
		}
	}
	up.wantLeft(t)
}

// A client of HTTP/2 that takes no byte of any stream is given up.
func TestAttack33UnreadConnections(t *testing.T) {
	up := newTestReader(t)
	b, client := newTestStreams(t, "write_timeout: 300ms\n"+oneRoute(up.URL))
	h := dialH2(t, b.address, client.trust)
	h.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1<<31 - 1})
	h.WriteWindowUpdate(0, 1<<30)
	h.ask(true, ":method", "GET", ":scheme", "https", ":authority", b.address, ":path", "/endless")
	wantSoon(t, "requests", 1, up.requests.Load)
	up.wantLeft(t)
}

// Row 34 of the attacks: what clients may send on streams that nobody reads is
// bounded by the window of their connection.
func TestAttack34UnreadBodies(t *testing.T) {
	const window, stream = 4 << 20, 96 << 10 // what else a request costs here, both peers' ends of it included
	up := newTestScript(t, func(net.Conn, *http.Request) { <-t.Context().Done() })
	b, client := newTestStreams(t, oneRoute(up.url))
	piece := bytes.Repeat([]byte("a"), 16<<10)
	const connections = 5
	before := memory()
	for range connections {
		h := dialH2(t, b.address, client.trust)
		end := h.drain()
		for range 100 {
			id, err := h.begin(false, fields(":method", "POST", ":scheme", "https", ":authority", b.address, ":path", "/"))
			if err != nil {
				t.Fatal(err)
			}
			for range 256 << 10 / len(piece) {
				if h.WriteData(id, false, piece) != nil {
					break
				}
			}
		}
		t.Cleanup(func() { h.Close(); <-end })
	}
	if each := (memory() - before) / connections; each > window+100*stream {
		t.Errorf("memory of a connection: got %d bytes, want at most %d", each, window+100*stream)
	} else {
		t.Logf("memory of a connection: %d bytes", each)
	}
}
