package proxy_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

const (
	handshakeHead = "Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	plainHead     = "Host: a\r\n"
)

// Rows E-02 to E-07, and row 22 of the attacks: a bad sid, a transport switch,
// a revision that is none.
func TestEngineIOErrors(t *testing.T) {
	b, main, admin := newTestSplit(t, "eio3: false")
	p := b.newPoller(t, polling4)
	p.open()
	_, sid, _ := strings.Cut(p.query, "&sid=")
	for _, tt := range []struct {
		name, method, query, head string
		status                    int
		body                      string
	}{
		{"no transport", "GET", "EIO=4", plainHead, 400, `{"code":0,"message":"Transport unknown"}`},
		{"unknown transport", "GET", "EIO=4&transport=webtransport", plainHead, 400, `{"code":0,"message":"Transport unknown"}`},
		{"unknown transport, upgrade", "GET", "EIO=4&transport=x", handshakeHead, 400, "Transport unknown"},
		{"unknown sid", "GET", polling4 + "&sid=x", plainHead, 400, `{"code":1,"message":"Session ID unknown"}`},
		{"prototype as sid", "GET", polling4 + "&sid=__proto__", plainHead, 400, `{"code":1,"message":"Session ID unknown"}`},
		{"long sid", "GET", polling4 + "&sid=" + strings.Repeat("x", 4000), plainHead, 400, `{"code":1,"message":"Session ID unknown"}`},
		{"unknown sid, upgrade", "GET", "EIO=4&transport=websocket&sid=x", handshakeHead, 400, "Session ID unknown"},
		{"POST without sid", "POST", polling4, plainHead + "Content-Length: 0\r\n", 400, `{"code":2,"message":"Bad handshake method"}`},
		{"PUT without sid", "PUT", polling4, plainHead + "Content-Length: 0\r\n", 400, `{"code":2,"message":"Bad handshake method"}`},
		{"websocket without upgrade", "GET", "EIO=4&transport=websocket", plainHead, 400, `{"code":3,"message":"Bad request"}`},
		{"polling with upgrade", "GET", polling4, handshakeHead, 400, "Bad request"},
		{"transport of another kind", "GET", "EIO=4&transport=websocket&sid=" + sid, plainHead, 400, `{"code":3,"message":"Bad request"}`},
		{"another revision", "GET", polling3 + "&sid=" + sid, plainHead, 400, `{"code":3,"message":"Bad request"}`},
		{"another revision, upgrade", "GET", "EIO=3&transport=websocket&sid=" + sid, handshakeHead, 400, "Bad request"},
		{"revision 3", "GET", polling3, plainHead, 400, `{"code":5,"message":"Unsupported protocol version"}`},
		{"revision 9", "GET", "EIO=9&transport=polling", plainHead, 400, `{"code":5,"message":"Unsupported protocol version"}`},
		{"no revision, upgrade", "GET", "transport=websocket", handshakeHead, 400, "Unsupported protocol version"},
		{"PUT with sid", "PUT", polling4 + "&sid=" + sid, plainHead + "Content-Length: 0\r\n", 500, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			head := tt.head
			if head != handshakeHead {
				head += "Connection: close\r\n"
			}
			a := exchange(t, b.address, tt.method+" /socket.io/?"+tt.query+" HTTP/1.1\r\n"+head+"\r\n")
			if a.StatusCode != tt.status || a.body != tt.body {
				t.Errorf("got %d %q, want %d %q", a.StatusCode, a.body, tt.status, tt.body)
			}
			a.wantEnd(t)
		})
	}
	if lines := b.log.lines(t, "request refused"); len(lines) == 0 || lines[len(lines)-1]["rule"] != "method of a polling session must be GET or POST" || lines[len(lines)-1]["reason"] != "method" {
		t.Errorf("log: got %v, want the last line to tell of the method", lines)
	}
	p.want("POST", "40", 200, "ok") // nothing of it has ended the session
	p.until("hello")
	if main.connections.Load() != 1 || admin.connections.Load() != 0 {
		t.Errorf("got %d and %d connections upstream, want that of the session alone", main.connections.Load(), admin.connections.Load())
	}
}

// TestRefusalsAreSeen wants a line and a count of each request that is refused,
// with the route.
func TestRefusalsAreSeen(t *testing.T) {
	b, _, _ := newTestSplit(t, "max_payload: 10")
	for _, tt := range []struct {
		name, query, body, origin string
		reason, rule              string
	}{
		{"sid", polling4 + "&sid=x", "", "", "engine_io", "Session ID unknown"},
		{"large and unknown", polling4 + "&sid=x", strings.Repeat("4", 20<<20), "", "engine_io", "Session ID unknown"},
		{"transport", "EIO=4&transport=x", "", "", "engine_io", "Transport unknown"},
		{"Origin", polling4, "", "https://evil.example", "origin", "Origin is not allowed by the route"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := b.Stats().Refusals[tt.reason]
			method, head := "GET", []string{}
			if tt.body != "" {
				method = "POST"
			}
			if tt.origin != "" {
				head = append(head, "Origin", tt.origin)
			}
			status, _, _ := b.newPoller(t, tt.query).ask(t.Context(), method, tt.body, head...)
			lines := b.log.lines(t, "request refused")
			if len(lines) == 0 {
				t.Fatal("got no line")
			}
			last := lines[len(lines)-1]
			got := fmt.Sprint(last["status"], last["reason"], last["rule"], last["route"], last["client"])
			if want := fmt.Sprint(status, tt.reason, tt.rule, "/socket.io", "127.0.0.1"); got != want {
				t.Errorf("log: got %s, want %s", got, want)
			}
			if n := b.Stats().Refusals[tt.reason] - before; n != 1 {
				t.Errorf("got %d counted, want 1", n)
			}
		})
	}
}

// Row E-15, and row 7 of the attacks for polling.
func TestCORS(t *testing.T) {
	const own = "https://app.example.com"
	main := newTestService(t, "main")
	any := fmt.Sprintf("upstreams: {main: %q}\nroutes: [{path: /socket.io, namespaces: {/: main}, origins: '*'}]\n", main.URL)
	listed, open := newTestBroker(t, split(main, main, "max_payload: 10")), newTestBroker(t, any)
	for _, tt := range []struct {
		name          string
		broker        *broker
		query, origin string
		status        int
		allowed       string // Access-Control-Allow-Origin, and whether with credentials
	}{
		{"listed", listed, polling4, own, 200, own + " true"},
		{"its own host", listed, polling4, "http://" + listed.address, 200, "http://" + listed.address + " true"},
		{"no Origin", listed, polling4, "", 200, " "},
		{"foreign", listed, polling4, "https://evil.example", 403, " "},
		{"null", listed, polling4, "null", 403, " "},
		{"suffix", listed, polling4, own + ".evil.example", 403, " "},
		{"prefix", listed, polling4, "https://evilapp.example.com", 403, " "},
		{"port", listed, polling4, own + ":8443", 403, " "},
		{"scheme", listed, polling4, "http://app.example.com", 403, " "},
		{"an error", listed, polling4 + "&sid=x", own, 400, own + " true"},
		{"any", open, polling4, "https://evil.example", 200, "* "},
		{"any, revision 3", open, polling3, "https://evil.example", 200, "https://evil.example true"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var head []string
			if tt.origin != "" {
				head = []string{"Origin", tt.origin}
			}
			status, body, h := tt.broker.newPoller(t, tt.query).ask(t.Context(), "GET", "", head...)
			if status != tt.status || status == 403 && body != `{"code":4,"message":"Forbidden"}` {
				t.Errorf("got %d %q, want %d", status, body, tt.status)
			}
			if got := h.Get("Access-Control-Allow-Origin") + " " + h.Get("Access-Control-Allow-Credentials"); got != tt.allowed {
				t.Errorf("got %q, want %q", got, tt.allowed)
			}
			if strings.HasPrefix(tt.allowed, "http") && h.Get("Vary") != "Origin" {
				t.Errorf("got Vary %q, want Origin", h.Get("Vary"))
			}
		})
	}
	t.Run("preflight", func(t *testing.T) {
		status, _, h := listed.newPoller(t, polling4).ask(t.Context(), "OPTIONS", "",
			"Origin", own, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,x-a")
		if got := h.Get("Access-Control-Allow-Headers") + " " + h.Get("Access-Control-Allow-Origin"); status != 204 || got != "authorization,x-a "+own {
			t.Errorf("got %d %q", status, got)
		}
		if status, _, h := listed.newPoller(t, polling4).ask(t.Context(), "OPTIONS", "",
			"Origin", "https://evil.example", "Access-Control-Request-Method", "POST"); status != 403 || h.Get("Access-Control-Allow-Methods") != "" {
			t.Errorf("foreign: got %d %v, want 403", status, h)
		}
	})
	t.Run("too large", func(t *testing.T) {
		p := listed.newPoller(t, polling4)
		p.open()
		if status, _, h := p.ask(t.Context(), "POST", strings.Repeat("4", 11), "Origin", own); status != 413 || h.Get("Access-Control-Allow-Origin") != own {
			t.Errorf("got %d %v, want 413 that the page may read", status, h)
		}
	})
	t.Run("upgrade", func(t *testing.T) {
		d := websocket.Dialer{HandshakeTimeout: patience}
		_, res, err := d.Dial("ws://"+listed.address+"/socket.io/?EIO=4&transport=websocket", http.Header{"Origin": {"https://evil.example"}})
		if err == nil || res == nil || res.StatusCode != 403 {
			t.Errorf("got %v, %v, want 403", res, err)
		}
	})
}

// want reads a message.
func wantText(t *testing.T, c *websocket.Conn, want string) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(patience))
	_, p, err := c.ReadMessage()
	if err != nil || string(p) != want {
		t.Fatalf("got %q, %v, want %q", p, err, want)
	}
}

// openSocket opens a session by WebSocket.
func (b *broker) openSocket(t *testing.T, query string, head http.Header) *websocket.Conn {
	t.Helper()
	c, _ := b.dial(t, "/socket.io/?EIO=4&transport=websocket"+query, head)
	if _, p, err := c.ReadMessage(); err != nil || !strings.HasPrefix(string(p), `0{"sid":"`) || !strings.Contains(string(p), `"upgrades":[]`) {
		t.Fatalf("got %q, %v, want an open packet", p, err)
	}
	return c
}

func send(t *testing.T, c *websocket.Conn, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err := c.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
}

// What section 10 of the protocol says of the handshake upstream; rows E-24 and S-09.
func TestLegHandshake(t *testing.T) {
	b, _, admin := newTestSplit(t, "cookie: io")
	d := websocket.Dialer{HandshakeTimeout: patience, Subprotocols: []string{"token.abc", "v2"}, EnableCompression: true}
	c, res := dialWith(t, &d, "ws://"+b.address+"/socket.io/?EIO=4&a=%2F&transport=websocket&t=1&b=2", http.Header{
		"Authorization": {"Bearer x"}, "Cookie": {"a=1; io=mine; b=2"}, "X-Forwarded-For": {"6.6.6.6"}, "Origin": {"https://app.example.com"},
	})
	if got := res.Header.Get("Sec-WebSocket-Protocol") + res.Header.Get("Sec-WebSocket-Extensions"); got != "token.abc" {
		t.Errorf("got %q, want the first subprotocol and no extension", got)
	}
	if _, _, err := c.ReadMessage(); err != nil {
		t.Fatal(err)
	}
	send(t, c, "40/admin,")
	wantText(t, c, `40/admin,{"sid":"admin"}`)
	r := admin.first(t)
	if got, want := r.URL.RawQuery, "a=%2F&b=2&EIO=4&transport=websocket"; got != want {
		t.Errorf("got query %q, want %q", got, want)
	}
	for name, want := range map[string]string{
		"Authorization": "Bearer x", "Cookie": "a=1; b=2", "X-Forwarded-For": "127.0.0.1", "Sec-Websocket-Protocol": "token.abc, v2",
		"Origin": "https://app.example.com", "Sec-Websocket-Extensions": "",
	} {
		if got := strings.Join(r.Header[name], "|"); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if r.Host != b.address {
		t.Errorf("got host %q, want the client's", r.Host)
	}
}

// Rows E-18 and E-21.
func TestUpgrade(t *testing.T) {
	b, main, _ := newTestSplit(t, "")
	p := b.newPoller(t, polling4)
	p.open()
	p.want("POST", "40", 200, "ok")
	p.until("hello")
	_, sid, _ := strings.Cut(p.query, "&sid=")
	c, _ := b.dial(t, "/socket.io/?EIO=4&transport=websocket&sid="+sid, nil)
	send(t, c, "2probe")
	wantText(t, c, "3probe")
	send(t, c, "5", `42["one"]`, `42["two"]`)
	wantText(t, c, `42["one"]`)
	wantText(t, c, `42["two"]`)
	p.want("GET", "", 400, `{"code":3,"message":"Bad request"}`)
	second, _ := b.dial(t, "/socket.io/?EIO=4&transport=websocket&sid="+sid, nil)
	if _, p, err := second.ReadMessage(); err == nil {
		t.Errorf("second upgrade: got %q, want the end", p)
	}
	send(t, c, `42["three"]`)
	wantText(t, c, `42["three"]`)
	c.Close()
	b.wantSessions(t, 0)
	wantSoon(t, "legs", 0, main.legs.Load)
	p.want("GET", "", 400, `{"code":1,"message":"Session ID unknown"}`)
}

// Row E-28.
func TestBundle(t *testing.T) {
	main, admin := newTestService(t, "main"), newTestService(t, "admin")
	b := newTestBroker(t, split(main, admin, "bundle: admin"))
	for _, path := range []string{"socket.io.js", "socket.io.min.js.map", "socket.io.esm.min.js", "socket.io.msgpack.min.js"} {
		p := b.newPoller(t, "v=1")
		p.url += path
		status, body, h := p.ask(t.Context(), "GET", "")
		if want := "admin /socket.io/" + path; status != 200 || body != want || h.Get("ETag") == "" {
			t.Errorf("got %d %q, want %q and its ETag", status, body, want)
		}
	}
	p := b.newPoller(t, "v=1")
	p.url += "socket.io.evil.js"
	p.want("GET", "", 400, `{"code":0,"message":"Transport unknown"}`)
}

// Rows F-06, F-07 and F-18.
func TestUpstreamDeclines(t *testing.T) {
	t.Run("lazily", func(t *testing.T) {
		b, _, admin := newTestSplit(t, "")
		admin.refuse(403)
		c := b.openSocket(t, "", nil)
		send(t, c, "40/admin,", "40")
		var got []string
		for range 3 {
			_, p, err := c.ReadMessage()
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(p))
		}
		if all := strings.Join(got, " "); !strings.Contains(all, `44/admin,{"message":"not admin","data":{"status":403}}`) || !strings.Contains(all, `40{"sid":"main"}`) {
			t.Errorf("got %q, want an error of admin's words, and main", all)
		}
	})
	t.Run("eagerly", func(t *testing.T) {
		b, main, _ := newTestSplit(t, "eager: main")
		main.refuse(401)
		b.newPoller(t, polling4).want("GET", "", 401, `{"code":4,"message":"not main"}`)
		d := websocket.Dialer{HandshakeTimeout: patience}
		_, res, err := d.Dial("ws://"+b.address+"/socket.io/?EIO=4&transport=websocket", nil)
		if err == nil || res == nil || res.StatusCode != 401 {
			t.Errorf("got %v, %v, want 401", res, err)
		}
		b.wantSessions(t, 0)
		main.refuse(0)
		c := b.openSocket(t, "", nil)
		if main.legs.Load() != 1 {
			t.Errorf("got %d legs, want that of the eager upstream", main.legs.Load())
		}
		c.Close()
	})
	t.Run("down, revision 3", func(t *testing.T) {
		b, main, _ := newTestSplit(t, "")
		main.vanish()
		status, _, h := b.newPoller(t, polling3).ask(t.Context(), "GET", "")
		if status != 503 || h.Get("Retry-After") == "" {
			t.Errorf("got %d %v, want 503 and when to come back", status, h)
		}
		b.wantSessions(t, 0)
	})
	t.Run("5xx is no refusal", func(t *testing.T) {
		b, main, _ := newTestSplit(t, "")
		main.refuse(500)
		c := b.openSocket(t, "", nil)
		send(t, c, "40")
		wantSoon(t, "an attempt", true, func() bool { return main.requests.Load() > 0 })
		main.refuse(0)
		wantText(t, c, `40{"sid":"main"}`)
	})
}

// Row 21 of the attacks.
func TestSessionLimits(t *testing.T) {
	b, main, _ := newTestSplit(t, "max_sessions_per_address: 2, max_sessions: 3")
	one := b.openSocket(t, "", nil)
	b.openSocket(t, "", nil)
	status, body, h := b.newPoller(t, polling4).ask(t.Context(), "GET", "")
	if status != 429 || h.Get("Retry-After") == "" {
		t.Errorf("got %d %q, want 429 and when to come back", status, body)
	}
	one.Close()
	b.wantSessions(t, 1)
	b.newPoller(t, polling4).open()
	if main.connections.Load() != 0 {
		t.Errorf("got %d connections upstream, want none", main.connections.Load())
	}
	full, _, _ := newTestSplit(t, "max_sessions: 1")
	full.openSocket(t, "", nil)
	if status, body, h := full.newPoller(t, polling4).ask(t.Context(), "GET", ""); status != 503 || h.Get("Retry-After") == "" {
		t.Errorf("got %d %q, want 503 and when to come back", status, body)
	}
}

func TestPollingByH2(t *testing.T) {
	main := newTestService(t, "main")
	b, trust := newTestTLSBrokerOf(t, split(main, main, ""))
	p := b.newPollerOver(t, trust, polling4)
	p.open()
	p.want("POST", "40", 200, "ok")
	p.until("hello")
	waits := p.begin(t.Context(), "GET", "")
	p.want("POST", "1", 200, "ok")
	if got := <-waits; got != "200 6" && !strings.HasPrefix(got, "400") {
		t.Errorf("got %q, want a noop as the client has closed", got)
	}
	b.wantSessions(t, 0)
}
