package handshake

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// guarded closes upgrades without a word, and gives the answer to plain requests.
func guarded(answer string) func(head string) string {
	return func(head string) string {
		if headerOf(head, "Upgrade") != "" {
			return ""
		}
		return answer
	}
}

// TestInquire has a server say to a plain request what it did not say to the
// upgrade.
func TestInquire(t *testing.T) {
	plain := func(status, body string) string {
		return fmt.Sprintf("HTTP/1.1 %s\r\nX-Why: token\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
	}
	for _, tt := range []struct {
		name, answer string
		status       int // the client's
		said         bool
	}{
		{"refused", plain("401 Unauthorized", "no"), 401, true},
		{"a redirect", plain("302 Found", ""), 302, true},
		{"too busy", plain("503 Service Unavailable", ""), 503, true},
		{"another 400", plain("400 Bad Request", `{"code":5,"message":"Unsupported protocol version"}`), 400, true},
		{"a long 400", plain("400 Bad Request", strings.Repeat("x", 9000)), 400, true},
		{"it would have let the client in", plain("400 Bad Request", `{"code":3,"message":"Bad request"}`), 502, false},
		{"a page", plain("200 OK", "please login"), 200, true},
		{"nothing to say", "HTTP/1.1 204 No Content\r\nX-Why: token\r\n\r\n", 204, true},
		{"a page in chunks", "HTTP/1.1 200 OK\r\nX-Why: token\r\nTransfer-Encoding: chunked\r\n\r\nc\r\nplease login\r\n0\r\n\r\n", 200, true},
		{"it opens a session", plain("200 OK", `0{"sid":"a"}`), 502, false},
		{"it opens a session of revision 3", plain("200 OK", `96:0{"sid":"a"}`), 502, false},
		{"it opens a session of revision 3 in bytes", plain("200 OK", "\x00\x09\x06\xff0{\"sid\":\"a\"}"), 502, false},
		{"it opens a session in chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nc\r\n0{\"sid\":\"a\"}\r\n0\r\n\r\n", 502, false},
		{"a number", plain("200 OK", "0"), 200, true},
		{"no HTTP", "SSH-2.0\r\n\r\n", 502, false},
		{"nothing again", "", 502, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newTestServer(t, guarded(tt.answer))
			res, _ := s.wantRefused(t, request("/ws?EIO=4&transport=websocket", "X-Token: a"), tt.status)
			if got := s.upstream.received(); strings.Count(got, "GET /ws?EIO=4&transport=websocket HTTP/1.1\r\nHost: example.com\r\n") != 2 || strings.Count(got, "X-Token: a\r\n") != 2 {
				t.Errorf("upstream was sent %q, want the same request twice", got)
			}
			n := unanswered(s.Upstreams.Stats()[0])
			if said := res.Header.Get("X-Why") == "token" && n == 0; said != tt.said {
				t.Errorf("got %v and %d handshakes without an answer, want the upstream's answer: %t", res.Header, n, tt.said)
			}
		})
	}
	s := newTestServer(t, guarded(plain("401 Unauthorized", "no")))
	for _, path := range []string{"/ws", "/ws?EIO=4&transport=websocket&sid=1"} {
		s.wantRefused(t, request(path), http.StatusBadGateway)
	}
}

func TestInquireForALeg(t *testing.T) {
	q := legRequest()
	for answer, want := range map[string]int{
		"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n": 429,
		"HTTP/1.1 200 OK\r\nRetry-After: 5\r\nContent-Length: 12\r\n\r\nplease login":   200,
		"HTTP/1.1 204 No Content\r\nRetry-After: 5\r\n\r\n":                             204,
		"HTTP/1.1 400 Bad Request\r\nContent-Length: 10\r\n\r\n{\"code\":3,":            0,
		"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n96:0{\"sid\"":                     0,
		"HTTP/1.1 401 Unauthorized\r\nContent-Length: 10, 11\r\n\r\n":                   0,
		"": 0,
	} {
		conn := answerLeg(t, func(string) string { return answer })
		var legs Legs
		err := legs.Inquire(t.Context(), conn, q, 10*time.Second)
		no, ok := errors.AsType[*DeclinedError](err)
		if ok != (want != 0) || ok && (no.Status != want || no.RetryAfter != "5") {
			t.Errorf("%q: got %v, want %d", answer, err, want)
		}
		const unwilling = "refuses the upgrade"
		if said := err != nil && strings.Contains(err.Error(), unwilling); said != Unwilling(err) || said != (strings.Contains(answer, "code") || strings.Contains(answer, "sid")) {
			t.Errorf("%q: got %v, and %q in it: %t", answer, err, unwilling, said)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for value, want := range map[string]string{
		"": "", "0": "0", "120": "120", "007": "7", "-1": "", "1.5": "", "x": "", "99999999999": "",
		"Fri, 02 Jan 2026 03:05:05 GMT": "60", "Fri, 02 Jan 2026 03:00:00 GMT": "0",
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("%q: got %q, want %q", value, got, want)
		}
	}
	for _, before := range []time.Duration{time.Millisecond, 999 * time.Millisecond, time.Second} {
		if got := retryAfter("Fri, 02 Jan 2026 03:04:05 GMT", now.Add(-before)); got != "1" {
			t.Errorf("%v before the date: got %q, want 1", before, got)
		}
	}
}
