package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// The head of an answer has its time, however it comes.
func TestResponseTimeout(t *testing.T) {
	drip := func(conn io.Writer) {
		for range 200 {
			if _, err := io.WriteString(conn, "X"); err != nil {
				return
			}
			time.Sleep(20 * time.Millisecond) // an upstream that is slow
		}
	}
	answers := map[string]func(conn io.Writer){
		"nothing": func(io.Writer) {},
		"a head that drips": func(conn io.Writer) {
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nX-")
			drip(conn)
		},
		"interim answers": func(conn io.Writer) {
			for range 200 {
				if _, err := io.WriteString(conn, "HTTP/1.1 103 Early Hints\r\n\r\n"); err != nil {
					return
				}
				time.Sleep(100 * time.Millisecond) // likewise
			}
		},
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			up := newTestScript(t, func(c net.Conn, _ *http.Request) {
				answer(c)
				io.Copy(io.Discard, c)
			})
			b := newTestBroker(t, "response_timeout: 300ms\n"+oneRoute(up.url))
			for _, request := range []string{
				"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
				"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi",
			} {
				c := dialRaw(t, b.address)
				io.WriteString(c, request)
				wantFinalOf(t, bufio.NewReader(c), http.StatusGatewayTimeout)
			}
		})
	}
}

// wantFinalOf reads the answer behind interim ones.
func wantFinalOf(t *testing.T, br *bufio.Reader, want int) {
	t.Helper()
	for {
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode >= 200 {
			if resp.StatusCode != want {
				t.Errorf("got %s, want %d", resp.Status, want)
			}
			return
		}
	}
}

// A request may take long to come, and an answer to end: that is no wait for its
// head.
func TestResponseTimeoutIsOfTheHead(t *testing.T) {
	const slow = 400 * time.Millisecond
	up := newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, "begin")
		http.NewResponseController(w).Flush()
		time.Sleep(slow) // it is the time that is tested
		io.WriteString(w, " end")
	})
	b := newTestBroker(t, "response_timeout: 200ms\n"+oneRoute(up.URL))
	c := dialRaw(t, b.address)
	io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nh")
	time.Sleep(slow) // likewise
	io.WriteString(c, "i")
	resp, _ := readHead(t, c)
	if body, err := io.ReadAll(resp.Body); resp.StatusCode != 200 || string(body) != "begin end" || err != nil {
		t.Errorf("got %s %q, %v", resp.Status, body, err)
	}
}

// An upstream that takes nothing of a body is given up.
func TestUpstreamThatTakesNothing(t *testing.T) {
	up := newTestScript(t, func(c net.Conn, r *http.Request) { <-t.Context().Done() })
	b := newTestBroker(t, "write_timeout: 300ms\n"+oneRoute(up.url))
	c := dialRaw(t, b.address)
	go func() {
		io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n")
		io.Copy(c, io.LimitReader(zeros{}, 100000000))
	}()
	resp, _ := readHead(t, c)
	if resp.StatusCode != http.StatusGatewayTimeout {
		t.Errorf("got %s, want 504", resp.Status)
	}
}

// A body that is too long is refused before an upstream hears of it if it says so,
// and in its middle if not.
func TestMaxBody(t *testing.T) {
	up := newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		fmt.Fprint(w, len(body))
	})
	b := newTestBroker(t, fmt.Sprintf("max_body: 10\nupstreams: {main: %q}\nroutes:\n  - {upstream: main}\n  - {path: /more, upstream: main, max_body: 20}\n  - {path: /all, upstream: main, max_body: 0}\n", up.URL))
	chunked := func(n int) string {
		return fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", n, strings.Repeat("a", n))
	}
	sized := func(n int) string {
		return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", n, strings.Repeat("a", n))
	}
	for _, tc := range []struct {
		path, body string
		status     int
	}{
		{"/", sized(10), 200}, {"/", sized(11), 413}, {"/", chunked(10), 200}, {"/", chunked(11), 413}, {"/", chunked(100000), 413},
		{"/more", sized(20), 200}, {"/more", sized(21), 413}, {"/more", chunked(21), 413},
		{"/all", sized(1000), 200}, {"/all", chunked(100000), 200},
	} {
		before := up.requests.Load()
		resp := exchange(t, b.address, "POST "+tc.path+" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"+tc.body)
		if resp.StatusCode != tc.status {
			t.Errorf("%s %.20q: got %s, want %d", tc.path, tc.body, resp.Status, tc.status)
		}
		if tc.status == 413 && strings.HasPrefix(tc.body, "Content") && up.requests.Load() != before {
			t.Errorf("%s %.20q: the upstream has heard of it", tc.path, tc.body)
		}
	}
}

// What changes of the limits counts for the next request.
func TestMaxBodyReload(t *testing.T) {
	up := newTestBackend(t, func(http.ResponseWriter, *http.Request) {})
	b := newTestBroker(t, "max_body: 1\n"+oneRoute(up.URL))
	c := dialRaw(t, b.address)
	br := bufio.NewReader(c)
	b.reload(t, "max_body: 2\n"+oneRoute(up.URL))
	io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
	wantFinalOf(t, br, http.StatusOK)
	b.reload(t, "max_body: 1\n"+oneRoute(up.URL))
	io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
	wantFinalOf(t, br, http.StatusRequestEntityTooLarge)
}
