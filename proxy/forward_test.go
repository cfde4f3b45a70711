package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestPlainRequestIsForwarded(t *testing.T) {
	up := newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header()["Set-Cookie"] = []string{"a=1", "b=2"}
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, "%s %s %s %s", r.Method, r.Host, r.RequestURI, body)
	})
	b := newTestBroker(t, fmt.Sprintf("upstreams: {main: %s}\nroutes: [{path: /api, strip_prefix: /api, upstream: main}]\n", up.URL))
	resp, err := http.Post("http://"+b.address+"/api/a%20b/?q=%2f;x", "text/plain", strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if got, want := string(body), "POST "+b.address+" /a%20b/?q=%2f;x hello"; got != want || resp.StatusCode != 201 {
		t.Errorf("got %d %q, want 201 %q", resp.StatusCode, got, want)
	}
	if got := len(resp.Header["Set-Cookie"]); got != 2 {
		t.Errorf("Set-Cookie: got %d, want 2", got)
	}
}

// What an upstream has sent is with the client while the upstream still waits.
func TestAnswersAreNotBuffered(t *testing.T) {
	for _, tt := range []struct{ name, header, value string }{
		{"events", "Content-Type", "text/event-stream"},
		{"chunks", "Content-Type", "text/plain"},
		{"known length", "Content-Length", "22"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			more := make(chan struct{})
			up := newTestBackend(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set(tt.header, tt.value)
				w.(http.Flusher).Flush()
				<-more // the client must have the head by now
				io.WriteString(w, "data: one\n\n")
				w.(http.Flusher).Flush()
				<-more // the client must have the first event by now
				io.WriteString(w, "data: two\n\n")
			})
			b := newTestBroker(t, oneRoute(up.URL))
			resp, err := http.Get("http://" + b.address + "/events")
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			more <- struct{}{}
			br := bufio.NewReader(resp.Body)
			if line, err := br.ReadString('\n'); line != "data: one\n" {
				t.Fatalf("first event: got %q, %v", line, err)
			}
			close(more)
			if rest, _ := io.ReadAll(br); string(rest) != "\ndata: two\n\n" {
				t.Errorf("second event: got %q", rest)
			}
		})
	}
}

func TestTrailersPassBothWays(t *testing.T) {
	up := newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		io.Copy(w, r.Body)
		w.Header().Set("X-Sum", r.Trailer.Get("X-Client-Sum"))
	})
	b := newTestBroker(t, oneRoute(up.URL))
	r, _ := http.NewRequest("POST", "http://"+b.address+"/", io.MultiReader(strings.NewReader("hello")))
	r.Trailer = http.Header{"X-Client-Sum": {"42"}}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); string(body) != "hello" || resp.Trailer.Get("X-Sum") != "42" {
		t.Errorf("got %q with trailer %v, want %q with X-Sum 42", body, resp.Trailer, "hello")
	}
}

// TestContinueComesFromTheUpstream wants no body to be asked for that the
// upstream refuses.
func TestContinueComesFromTheUpstream(t *testing.T) {
	up := newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/refuse" {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		io.Copy(w, r.Body)
	})
	b := newTestBroker(t, oneRoute(up.URL))
	head := "POST %s HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"

	c := dialRaw(t, b.address)
	fmt.Fprintf(c, head, "/take")
	br := bufio.NewReader(c)
	if line, err := br.ReadString('\n'); !strings.HasPrefix(line, "HTTP/1.1 100 ") {
		t.Fatalf("answer: got %q, %v; want 100 Continue", line, err)
	}
	br.ReadString('\n')
	io.WriteString(c, "hello")
	resp, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, _ := io.ReadAll(resp.Body); string(body) != "hello" {
		t.Errorf("body: got %q, want hello", body)
	}

	c = dialRaw(t, b.address)
	fmt.Fprintf(c, head, "/refuse")
	if resp, _ := readHead(t, c); resp.StatusCode != http.StatusForbidden {
		t.Errorf("answer: got %s, want 403 at once", resp.Status)
	}
}

func TestBrokenChunksAreNotForwarded(t *testing.T) {
	bodies := make(chan string, 1)
	up := newTestBackend(t, func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		bodies <- fmt.Sprint(string(body), err != nil)
	})
	b := newTestBroker(t, oneRoute(up.URL))
	// The size ends in a bare LF: servers differ on where the body begins.
	got := exchange(t, b.address, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
	got.wantStatus(t, 400)
	if !strings.Contains(got.body, "chunk") {
		t.Errorf("body: got %q, want the rule", got.body)
	}
	got.wantEnd(t)
	select {
	case body := <-bodies:
		if !strings.HasSuffix(body, "true") {
			t.Errorf("upstream: got the body %q as a whole one", body)
		}
	default: // it may not have been asked at all
	}
}

// TestKeepAlive has several requests on one connection, one of them pipelined.
func TestKeepAlive(t *testing.T) {
	up := newTestBackend(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.Path) })
	b := newTestBroker(t, oneRoute(up.URL))
	c := dialRaw(t, b.address)
	br := bufio.NewReader(c)
	io.WriteString(c, "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
	for i, next := range []string{"", "GET /3 HTTP/1.1\r\nHost: a\r\n\r\n", ""} {
		io.WriteString(c, next)
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatalf("response %d: %v", i+1, err)
		}
		if body, _ := io.ReadAll(resp.Body); string(body) != fmt.Sprintf("/%d", i+1) {
			t.Errorf("response %d: got %q", i+1, body)
		}
	}
}

// TestBrokenSecondRequest sends it while the first is served, which must not
// suffer from it.
func TestBrokenSecondRequest(t *testing.T) {
	up := newTestBackend(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-time.After(100 * time.Millisecond):
		}
	})
	b := newTestBroker(t, oneRoute(up.URL))
	for name, second := range map[string]string{
		"bare LF":            "GET /2 HTTP/1.1\nHost: a\r\n\r\n",
		"no HTTP, all of it": "\x16\x03\x01\x02\x00",
	} {
		t.Run(name, func(t *testing.T) {
			before := up.requests.Load()
			c := dialRaw(t, b.address)
			br := bufio.NewReader(c)
			io.WriteString(c, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"+second)
			for _, want := range []int{200, 400} {
				resp, err := http.ReadResponse(br, nil)
				if err != nil {
					t.Fatalf("response: %v, want status %d", err, want)
				}
				io.Copy(io.Discard, resp.Body)
				if resp.StatusCode != want {
					t.Errorf("status: got %s, want %d", resp.Status, want)
				}
			}
			if n := up.requests.Load() - before; n != 1 {
				t.Errorf("requests that reached the upstream: got %d, want 1", n)
			}
		})
	}
}

func TestUnixUpstream(t *testing.T) {
	path := filepath.Join(t.TempDir(), "main.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	up := httptest.NewUnstartedServer(http.HandlerFunc(echo))
	up.Listener.Close()
	up.Listener = l
	up.Start()
	t.Cleanup(up.Close)
	b := newTestBroker(t, oneRoute("unix:"+path))
	c, _ := b.dial(t, "/ws", nil)
	wantEcho(t, c, 1, []byte("hello"))
	wantEcho(t, c, 2, make([]byte, 1<<20))
}
