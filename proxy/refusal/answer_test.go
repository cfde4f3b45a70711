package refusal

import (
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"testing"

	"usher/proxy/engineio"
	"usher/proxy/headers"
)

// A client is told in the way that it knows, and its connection stays where
// nothing but a request can stand behind the one that is refused.
func TestAnswerByForm(t *testing.T) {
	const plain, upgrade = "GET", "GET upgrade"
	inFront := &EngineIO{Code: engineio.SIDUnknown, Message: "Session ID unknown"}
	server := &EngineIO{Code: engineio.BadRequest, Message: "no", Server: true}
	tests := []struct {
		name, request, body string
		e                   *Error
		want                string // the head, but for lengths
		said                string
	}{
		{"line", plain, "", New(404, NoRoute, "none"), "Cache-Control: no-store|Content-Type: text/plain; charset=utf-8|X-Content-Type-Options: nosniff", "404 not found: none\n"},
		{"broken request", plain, "", New(400, Path, "bad"), "Cache-Control: no-store|Connection: close|Content-Type: text/plain; charset=utf-8|X-Content-Type-Options: nosniff", "400 bad request: bad\n"},
		{"body", "POST", "abc", New(404, NoRoute, "none"), "Cache-Control: no-store|Connection: close|Content-Type: text/plain; charset=utf-8|X-Content-Type-Options: nosniff", "404 not found: none\n"},
		{"method", "PATCH", "", New(405, Method, "no"), "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS|Cache-Control: no-store|Content-Type: text/plain; charset=utf-8|X-Content-Type-Options: nosniff", "405 method not allowed: no\n"},
		{"version", upgrade, "", New(426, Version, "13"), "Cache-Control: no-store|Connection: close|Connection: Upgrade|Content-Type: text/plain; charset=utf-8|Sec-Websocket-Version: 13|Upgrade: websocket|X-Content-Type-Options: nosniff", "426 upgrade required: 13\n"},
		{"stopping", upgrade, "", ErrStopping, "Cache-Control: no-store|Connection: close|Content-Type: text/plain; charset=utf-8|Retry-After: 1|X-Content-Type-Options: nosniff", "503 service unavailable: usher is stopping\n"},
		{"HEAD", "HEAD", "", New(404, NoRoute, "none"), "Cache-Control: no-store|Content-Type: text/plain; charset=utf-8|X-Content-Type-Options: nosniff", ""},
		{"in front, plain", plain, "", &Error{Status: 400, EngineIO: inFront}, "Cache-Control: no-store|Connection: close|Content-Type: application/json|X-Content-Type-Options: nosniff", `{"code":1,"message":"Session ID unknown"}`},
		{"in front, upgrade", upgrade, "", &Error{Status: 400, EngineIO: inFront}, "Cache-Control: no-store|Connection: close|Content-Type: text/html|X-Content-Type-Options: nosniff", "Session ID unknown"},
		{"server, plain", plain, "", &Error{Status: 400, EngineIO: server}, "Content-Type: application/json|X-Content-Type-Options: nosniff|X-Cors: kept", `{"code":3,"message":"no"}`},
		{"server, body", "POST", "abc", &Error{Status: 400, EngineIO: server}, "Connection: close|Content-Type: application/json|X-Content-Type-Options: nosniff|X-Cors: kept", `{"code":3,"message":"no"}`},
		{"server, upgrade", upgrade, "", &Error{Status: 503, EngineIO: server, RetryAfter: "7"}, "Connection: close|Content-Type: text/html|Retry-After: 7|X-Content-Type-Options: nosniff|X-Cors: kept", "no"},
		{"server, nothing to say", "POST", "abc", &Error{Status: 413, EngineIO: &EngineIO{Empty: true, Server: true}}, "Connection: close|X-Cors: kept", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			method, asks, _ := strings.Cut(tt.request, " ")
			r := httptest.NewRequest(method, "/", strings.NewReader(tt.body))
			if asks != "" {
				r.Header.Set("Upgrade", "websocket")
			}
			w := httptest.NewRecorder()
			w.Header().Set("X-Cors", "kept")
			new(Writer).Refuse(w, r, headers.Sender{}, tt.e)
			var head strings.Builder
			w.Header().WriteSubset(&head, map[string]bool{"Content-Length": true})
			want := strings.ReplaceAll(tt.want, "|", "\r\n") + "\r\n"
			if w.Code != tt.e.Status || head.String() != want || w.Body.String() != tt.said {
				t.Errorf("got %d\n%s\n%q\nwant %d\n%s\n%q", w.Code, head.String(), w.Body, tt.e.Status, want, tt.said)
			}
		})
	}
}

func TestRefuseRaw(t *testing.T) {
	const want = "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\nConnection: close\r\n" +
		"Content-Length: 27\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n405 Method Not Allowed: no\n"
	near, far := net.Pipe()
	wr := new(Writer)
	go func() {
		defer near.Close()
		if err := wr.RefuseRaw(near, near.LocalAddr(), New(405, Head, "no")); err != nil {
			t.Errorf("RefuseRaw: %v", err)
		}
	}()
	if got, err := io.ReadAll(far); string(got) != want || err != nil {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if n := wr.Reasons()["head"]; n != 1 {
		t.Errorf("refusals counted: got %d, want 1", n)
	}
}
