package handshake

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"usher/proxy/config"
)

// The tests in this file are named by the rows of the list of attacks that
// usher is built to withstand. Each shows, too, that the upstream was not
// contacted where it must not be.

const smuggled = "GET /internal HTTP/1.1\r\nHost: internal\r\n\r\n"

func TestAttack01AnswerThatIsNo101IsNoTunnel(t *testing.T) {
	answers := map[int]string{
		200: "HTTP/1.1 200 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 2\r\nX-A: b\r\n\r\nhi",
		401: "HTTP/1.1 401 Unauthorized\r\nUpgrade: websocket\r\nConnection: Upgrade, X-Hop\r\nX-Hop: 1\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
		426: "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 12\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\nX-A: b\r\nContent-Length: 2\r\n\r\nhi",
	}
	for status, answer := range answers {
		t.Run(http.StatusText(status), func(t *testing.T) {
			s := newTestServer(t, says(answer))
			res, body := s.wantRefused(t, request("/ws")+smuggled, status)
			if body != "hi" {
				t.Errorf("body: got %q, want the upstream's %q", body, "hi")
			}
			wantHeader(t, res.Header, "X-A", "b")
			wantHeader(t, res.Header, "Content-Type") // the upstream says none
			if status == http.StatusUpgradeRequired { // which must say to what
				wantHeader(t, res.Header, "Upgrade", "websocket")
				wantHeader(t, res.Header, "Sec-WebSocket-Version", "12")
			} else {
				wantHeader(t, res.Header, "Upgrade")
			}
			wantHeader(t, res.Header, "X-Hop")
			wantHeader(t, res.Header, "Keep-Alive")
			if !res.Close {
				t.Error("answer: got no Connection: close")
			}
			if status == 401 {
				wantHeader(t, res.Header, "Set-Cookie", "a=1", "b=2")
			}
			s.upstream.wantClosed(t)
			if got := s.upstream.received(); strings.Contains(got, "internal") {
				t.Errorf("upstream was sent the request behind the handshake: %q", got)
			}
		})
	}
}

// TestAnswerOfAnyMinorVersion passes answers that are no 101 as those of
// HTTP/1.1: a minor version changes nothing about them.
func TestAnswerOfAnyMinorVersion(t *testing.T) {
	for version, status := range map[string]int{"1.0": 404, "1.1": 401, "1.2": 401, "1.9": 503, "2.0": 502, "0.9": 502, "1.10": 502, "1.": 502} {
		s := newTestServer(t, says(fmt.Sprintf("HTTP/%s %d No\r\nX-A: b\r\nContent-Length: 2\r\n\r\nhi", version, status)))
		res, _ := s.wantRefused(t, request("/ws"), status)
		if passed := res.Header.Get("X-A") == "b"; passed != (status != http.StatusBadGateway) {
			t.Errorf("version %s: got %d %v, want the upstream's answer: %t", version, res.StatusCode, res.Header, status != http.StatusBadGateway)
		}
	}
	later := func(h string) string { return strings.Replace(good()(h), "HTTP/1.1", "HTTP/1.2", 1) }
	s := newTestServer(t, later)
	s.send(t, request("/ws"))
	s.wantPair(t)
}

func TestAttack02LyingUpstream(t *testing.T) {
	head := "HTTP/1.1 101 Switching Protocols\r\n"
	with := func(from, to string) func(string) string {
		return func(h string) string { return strings.Replace(good()(h), from, to, 1) }
	}
	tests := map[string]func(string) string{
		"no accept":              says(head + "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n"),
		"accept of another key":  says(head + "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + testAccept + "\r\n\r\n"),
		"accept twice":           func(h string) string { return good("Sec-WebSocket-Accept: " + testAccept)(h) },
		"no upgrade":             with("Upgrade: websocket\r\n", ""),
		"upgrade to another":     with("Upgrade: websocket\r\n", "Upgrade: h2c\r\n"),
		"upgrade twice":          with("Upgrade: websocket\r\n", "Upgrade: websocket\r\nUpgrade: h2c\r\n"),
		"no connection":          with("Connection: Upgrade\r\n", ""),
		"connection: close":      with("Connection: Upgrade\r\n", "Connection: close\r\n"),
		"protocol not offered":   good("Sec-WebSocket-Protocol: soap"),
		"two protocols":          good("Sec-WebSocket-Protocol: chat, echo"),
		"two protocol lines":     good("Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Protocol: echo"),
		"protocol in other case": good("Sec-WebSocket-Protocol: CHAT"),
		"unknown extension":      good("Sec-WebSocket-Extensions: x-webkit-deflate-frame"),
		"dropped extension":      good("Sec-WebSocket-Extensions: bbf-usp-protocol"),
		"extension twice":        good("Sec-WebSocket-Extensions: permessage-deflate, permessage-deflate"),
		"unknown parameter":      good("Sec-WebSocket-Extensions: permessage-deflate; foo=1"),
		"bits out of range":      good("Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=7"),
		"bits without offer":     good("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=12"),
		"malformed extension":    good("Sec-WebSocket-Extensions: permessage-deflate; =3"),
		"http 1.0":               with("HTTP/1.1", "HTTP/1.0"),
		"bare line feeds":        func(h string) string { return strings.ReplaceAll(good()(h), "\r\n", "\n") + "\r\n\r\n" },
		"folded line":            good("X-A: b\r\n c"),
		"not http":               says("SSH-2.0-OpenSSH_9.6\r\n\r\n"),
		"endless head":           says(head + "X: " + strings.Repeat("a", 70<<10)),
		"endless interim":        says(strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 20)),
		"nothing":                says(""),
	}
	for name, answer := range tests {
		t.Run(name, func(t *testing.T) {
			s := newTestServer(t, answer)
			_, body := s.wantRefused(t, request("/ws", "Sec-WebSocket-Protocol: chat, echo",
				"Sec-WebSocket-Extensions: bbf-usp-protocol, permessage-deflate"), http.StatusBadGateway)
			wantContains(t, "body", body, "upstream gave no valid answer")
			s.upstream.wantClosed(t)
			if got := s.Refusals.Reasons()["answer"]; got != 1 {
				t.Errorf("refusals for the answer: got %d, want 1", got)
			}
		})
	}
}

// wantRefusedUntouched refuses each request without contacting the upstream.
func wantRefusedUntouched(t *testing.T, status int, requests map[string]string, change ...func(*config.Route)) {
	t.Helper()
	for name, raw := range requests {
		t.Run(name, func(t *testing.T) {
			s := newTestServer(t, good(), change...)
			s.wantRefused(t, raw, status)
			s.upstream.wantUntouched(t)
		})
	}
}

func TestAttack03UpgradeByAnotherMethod(t *testing.T) {
	wantRefusedUntouched(t, http.StatusBadRequest, map[string]string{
		"POST":               request("POST /ws"),
		"PUT":                request("PUT /ws"),
		"OPTIONS":            request("OPTIONS /ws"),
		"body":               request("POST /ws", "Content-Length: 5") + "hello",
		"get with a body":    request("/ws", "Content-Length: 5") + "hello",
		"get with chunks":    request("/ws", "Transfer-Encoding: chunked") + "0\r\n\r\n",
		"http 1.0":           strings.Replace(request("/ws"), "HTTP/1.1", "HTTP/1.0", 1),
		"without the token":  request("/ws", "Connection: keep-alive"),
		"without Connection": request("/ws", "-Connection"),
	})
}

func TestAttack04OtherProtocols(t *testing.T) {
	wantRefusedUntouched(t, http.StatusBadRequest, map[string]string{
		"list":            request("/ws", "Upgrade: websocket, h2c"),
		"end of a list":   request("/ws", "Upgrade: h2c,WebSocket"),
		"two lines":       request("/ws", "+Upgrade: h2c"),
		"websocket twice": request("/ws", "+Upgrade: websocket"),
		"versioned":       request("/ws", "Upgrade: websocket/13"),
	})
	for name, raw := range map[string]string{
		"h2c":       request("/ws", "Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"),
		"tls":       request("/ws", "Upgrade: TLS/1.0"),
		"foo":       request("/ws", "Upgrade: foo"),
		"empty":     request("/ws", "Upgrade: "),
		"no ascii":  request("/ws", "Upgrade: h2c\xff"),
		"lookalike": request("/ws", "Upgrade: websockets, xwebsocket"),
	} {
		t.Run(name+" is ignored", func(t *testing.T) {
			s := newTestServer(t, good())
			res, body := s.send(t, raw).answer(t)
			if res.StatusCode != http.StatusOK || body != "forwarded" {
				t.Errorf("got %s %q, want the request forwarded without it", res.Status, body)
			}
			s.upstream.wantUntouched(t)
		})
	}
	t.Run("settings are dropped", func(t *testing.T) {
		s := newTestServer(t, good())
		s.send(t, request("/ws", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA")).answer(t)
		s.wantPair(t)
		if got := headerOf(s.upstream.received(), "HTTP2-Settings"); got != "" {
			t.Errorf("HTTP2-Settings at the upstream: got %q, want none", got)
		}
	})
}

func TestAttack05BytesBehindTheHandshake(t *testing.T) {
	t.Run("refused before the upstream", func(t *testing.T) {
		s := newTestServer(t, good())
		s.wantRefused(t, request("/ws", "Sec-WebSocket-Key: x")+smuggled, http.StatusBadRequest)
		s.upstream.wantUntouched(t)
	})
	t.Run("refused by the upstream", func(t *testing.T) {
		s := newTestServer(t, says("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"))
		s.wantRefused(t, request("/ws")+smuggled, http.StatusForbidden)
		s.upstream.wantClosed(t)
		if got := strings.Count(s.upstream.received(), "GET "); got != 1 {
			t.Errorf("requests at the upstream: got %d, want 1", got)
		}
	})
	t.Run("kept for the relay", func(t *testing.T) {
		answer := good()
		s := newTestServer(t, func(h string) string { return answer(h) + "\x81\x02hi" })
		c := s.send(t, request("/ws")+smuggled)
		c.answer(t)
		p := s.wantPair(t)
		if string(p.FromUpstream) != "\x81\x02hi" {
			t.Errorf("read behind the upstream's 101: got %q", p.FromUpstream)
		}
		if string(p.FromClient) != smuggled {
			t.Errorf("read behind the client's request: got %q, want %q", p.FromClient, smuggled)
		}
		if got := s.upstream.received(); strings.Contains(got, "internal") {
			t.Errorf("upstream was sent unchecked bytes: %q", got)
		}
	})
}

func TestAttack06VersionAndKey(t *testing.T) {
	wantRefusedUntouched(t, http.StatusBadRequest, map[string]string{
		"no key":           request("/ws", "-Sec-WebSocket-Key"),
		"empty key":        request("/ws", "Sec-WebSocket-Key: "),
		"short key":        request("/ws", "Sec-WebSocket-Key: c2hvcnQ="),
		"long key":         request("/ws", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZSBpcyBsb25n"),
		"no base64":        request("/ws", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ!=="),
		"loose base64":     request("/ws", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR=="),
		"two keys":         request("/ws", "+Sec-WebSocket-Key: "+testKey),
		"repeated in line": request("/ws", "Sec-WebSocket-Key: "+testKey+", "+testKey),
	})
	wantRefusedUntouched(t, http.StatusUpgradeRequired, map[string]string{
		"no version":    request("/ws", "-Sec-WebSocket-Version"),
		"old version":   request("/ws", "Sec-WebSocket-Version: 8"),
		"two versions":  request("/ws", "+Sec-WebSocket-Version: 13"),
		"version list":  request("/ws", "Sec-WebSocket-Version: 13, 8"),
		"version space": request("/ws", "Sec-WebSocket-Version: 1 3"),
	})
	t.Run("426 names the version", func(t *testing.T) {
		s := newTestServer(t, good())
		res, _ := s.wantRefused(t, request("/ws", "-Sec-WebSocket-Version"), http.StatusUpgradeRequired)
		wantHeader(t, res.Header, "Sec-WebSocket-Version", "13")
	})
}

func TestAttack07ForeignOrigin(t *testing.T) {
	listed := func(r *config.Route) { r.Origins = []string{"https://app.good.com"} }
	foreign := map[string]string{}
	for _, o := range []string{
		"https://evil.com", "https://example.com.evil", "https://notexample.com", "https://sub.example.com",
		"null", "", "example.com", "https://", "https://example.com:8443", "https://example.com:80",
		"https://example.com/", "https://user@example.com", "https://example.com@evil.com",
		"https://app.good.com.evil", "https://app.good.com:444", "http://app.good.com", "file://", "https://example.com https://evil.com",
		"https://evil.com\\example.com", "https://evil.com#example.com", "ftp://example.com",
	} {
		foreign["origin "+o] = request("/ws", "Origin: "+o)
	}
	wantRefusedUntouched(t, http.StatusForbidden, foreign, listed)
	wantRefusedUntouched(t, http.StatusBadRequest, map[string]string{
		"two lines": request("/ws", "Origin: https://example.com", "+Origin: https://evil.com"),
	}, listed)

	for name, changes := range map[string][]string{
		"none":            nil,
		"own host":        {"Origin: https://example.com"},
		"own, plain":      {"Origin: http://example.com"},
		"own, other case": {"Origin: HTTPS://Example.COM"},
		"own port":        {"Origin: https://example.com:8443", "Host: example.com:8443"},
		"default port":    {"Origin: https://example.com", "Host: example.com:443"},
		"said port":       {"Origin: http://example.com:80"},
		"own ipv6":        {"Origin: http://[::1]:8080", "Host: [::1]:8080"},
		"listed":          {"Origin: https://app.good.com"},
		"listed, port":    {"Origin: https://app.good.com:443"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newTestServer(t, good(), listed)
			if res, body := s.send(t, request("/ws", changes...)).answer(t); res.StatusCode != 101 {
				t.Fatalf("status: got %d (%q), want 101", res.StatusCode, body)
			}
			s.wantPair(t)
		})
	}
	t.Run("star", func(t *testing.T) {
		s := newTestServer(t, good(), func(r *config.Route) { r.Origins = []string{"*"} })
		if res, _ := s.send(t, request("/ws", "Origin: null")).answer(t); res.StatusCode != 101 {
			t.Errorf("status: got %d, want 101", res.StatusCode)
		}
		s.wantPair(t)
	})
	t.Run("log names the key", func(t *testing.T) {
		s := newTestServer(t, good())
		s.wantRefused(t, request("/ws?token=secret", "Origin: https://evil.com", "Cookie: sid=secret"), http.StatusForbidden)
		wantContains(t, "log", s.log.String(), "add https://evil.com to the route's origins")
		if strings.Contains(s.log.String(), "secret") {
			t.Errorf("log: got %q, want no secret in it", s.log)
		}
	})
}

func TestAttack08ConnectionNamesOurHeaders(t *testing.T) {
	s := newTestServer(t, good())
	s.send(t, request("/ws",
		"Connection: Upgrade, X-Forwarded-For, Forwarded, X-Request-Id, X-Secret, Sec-WebSocket-Key, Host",
		"X-Secret: 1", "X-Kept: 1", "Proxy-Authorization: Basic x", "Keep-Alive: 5", "TE: trailers", "Proxy-Connection: x", "Expect: 100-continue")).answer(t)
	s.wantPair(t)
	head := s.upstream.received()
	for name, want := range map[string]string{
		"X-Forwarded-For": "127.0.0.1", "Forwarded": `for=127.0.0.1;host="example.com";proto=http`,
		"Host": "example.com", "Connection": "Upgrade", "X-Kept": "1",
		"X-Secret": "", "Proxy-Authorization": "", "Keep-Alive": "", "Te": "", "Proxy-Connection": "", "Expect": "",
	} {
		if got := headerOf(head, name); got != want {
			t.Errorf("%s at the upstream: got %q, want %q", name, got, want)
		}
	}
	if headerOf(head, "X-Request-Id") == "" || headerOf(head, "Sec-WebSocket-Key") == "" {
		t.Errorf("upstream was sent %q, want our request id and key in it", head)
	}
}

func TestAttack09SpoofedForwarding(t *testing.T) {
	s := newTestServer(t, good())
	s.send(t, request("/ws",
		"X-Forwarded-For: 6.6.6.6", "X-Forwarded-Host: evil.com", "X-Forwarded-Proto: https", "X-Forwarded-Port: 1",
		"X-Real-IP: 6.6.6.6", "Forwarded: for=6.6.6.6", "X-Request-Id: mine",
		"X_Forwarded_For: 6.6.6.6", "X-Forwarded_For: 6.6.6.6", "x_real_ip: 6.6.6.6")).answer(t)
	p := s.wantPair(t)
	head := s.upstream.received()
	if strings.Contains(head, "6.6.6.6") || strings.Contains(head, "evil.com") || strings.Contains(head, "mine") {
		t.Errorf("upstream was sent %q, want no word of the client about itself", head)
	}
	if got := headerOf(head, "X-Forwarded-Port"); got != "" {
		t.Errorf("X-Forwarded-Port: got %q, want none", got)
	}
	if p.Session.Client != "127.0.0.1" || p.Session.ID != headerOf(head, "X-Request-Id") {
		t.Errorf("session: got client %q, id %q, want 127.0.0.1 and the id that was sent", p.Session.Client, p.Session.ID)
	}
}

func TestAttack11HeaderInjection(t *testing.T) {
	wantRefusedUntouched(t, http.StatusBadRequest, map[string]string{
		"protocol with a line break": request("/ws", "Sec-WebSocket-Protocol: chat\rX-Evil: 1"),
		"protocol with NUL":          request("/ws", "Sec-WebSocket-Protocol: chat\x00"),
		"protocol is no token":       request("/ws", "Sec-WebSocket-Protocol: a b"),
		"protocol twice":             request("/ws", "Sec-WebSocket-Protocol: chat, chat"),
		"malformed extension":        request("/ws", "Sec-WebSocket-Extensions: permessage-deflate; =1"),
		"query with a tab":           request("/ws?a=\tb"),
		"query with a fragment":      request("/ws?a#b"),
	})
	for name, line := range map[string]string{
		"CR": "Set-Cookie: a=1\rX-Evil: 1", "NUL": "Set-Cookie: a=\x00", "name": "Set Cookie: a=1",
	} {
		t.Run("upstream's Set-Cookie with "+name, func(t *testing.T) {
			s := newTestServer(t, good(line))
			s.wantRefused(t, request("/ws"), http.StatusBadGateway)
			s.upstream.wantClosed(t)
		})
	}
	t.Run("escaped query stays escaped", func(t *testing.T) {
		s := newTestServer(t, good())
		s.send(t, request("/ws?a=%0d%0aX-Evil:%201")).answer(t)
		s.wantPair(t)
		wantContains(t, "request", s.upstream.received(), "GET /ws?a=%0d%0aX-Evil:%201 HTTP/1.1\r\n")
	})
	t.Run("route's header with a line break", func(t *testing.T) {
		s := newTestServer(t, good(), func(r *config.Route) {
			r.Headers.Set = []config.Header{{Name: "X-A", Value: "b\r\nX-Evil: 1"}, {Name: "X-C", Value: "d"}}
		})
		s.send(t, request("/ws")).answer(t)
		s.wantPair(t)
		if got := s.upstream.received(); strings.Contains(got, "Evil") || headerOf(got, "X-C") != "d" {
			t.Errorf("upstream was sent %q, want X-C in it and no X-Evil", got)
		}
	})
}
