package handshake

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"usher/proxy/config"
	"usher/proxy/waittest"
)

func TestUpgradeReachesBothSides(t *testing.T) {
	s := newTestServer(t, good("Set-Cookie: a=1", "Set-Cookie: b=2", "X-Served-By: node-1", "Connection: X-Hop", "X-Hop: 1",
		"Content-Length: 0", "Sec-WebSocket-Protocol: echo",
		"Sec-WebSocket-Extensions: permessage-deflate;server_no_context_takeover; client_max_window_bits=12"),
		func(r *config.Route) {
			r.Path, r.StripPrefix = "/ws/admin", "/ws/admin"
			r.Headers = config.Headers{
				Set:    []config.Header{{Name: "X-Service", Value: "admin"}, {Name: "Connection", Value: "close"}, {Name: "Sec-Websocket-Key", Value: "x"}},
				Remove: []string{"Cookie", "Upgrade"},
			}
		})
	c := s.send(t, request("/ws/admin/live?EIO=4&token=a%20b", "Cookie: sid=1", "User-Agent: test", "+X-Many: 1", "+X-Many: 2",
		"Sec-WebSocket-Protocol: chat, echo", "Sec-WebSocket-Extensions: x-foo, permessage-deflate; client_max_window_bits"))
	res, _ := c.answer(t)
	p := s.wantPair(t)

	if res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("status: got %d, want 101", res.StatusCode)
	}
	wantHeader(t, res.Header, "Sec-WebSocket-Accept", testAccept)
	wantHeader(t, res.Header, "Upgrade", "websocket")
	wantHeader(t, res.Header, "Connection", "Upgrade")
	wantHeader(t, res.Header, "Set-Cookie", "a=1", "b=2")
	wantHeader(t, res.Header, "X-Served-By", "node-1")
	wantHeader(t, res.Header, "X-Hop")
	wantHeader(t, res.Header, "Content-Length")
	wantHeader(t, res.Header, "Sec-WebSocket-Protocol", "echo")
	wantHeader(t, res.Header, "Sec-WebSocket-Extensions", "permessage-deflate; server_no_context_takeover; client_max_window_bits=12")
	if !p.Deflate || !p.EngineIO || p.Route.Path != "/ws/admin" {
		t.Errorf("pair: got deflate %t, engine.io %t, route %v", p.Deflate, p.EngineIO, p.Route)
	}

	head := s.upstream.received()
	if !strings.HasPrefix(head, "GET /live?EIO=4&token=a%20b HTTP/1.1\r\nHost: example.com\r\n") {
		t.Errorf("request line and host: got %q", head)
	}
	for name, want := range map[string]string{
		"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "User-Agent": "test",
		"X-Service": "admin", "Cookie": "", "Sec-WebSocket-Protocol": "chat, echo", "X-Many": "1",
		"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
	} {
		if got := headerOf(head, name); got != want {
			t.Errorf("%s at the upstream: got %q, want %q", name, got, want)
		}
	}
	if got := headerOf(head, "Sec-WebSocket-Key"); got == testKey || !validKey(got) {
		t.Errorf("key at the upstream: got %q, want one of our own", got)
	}
	for _, once := range []string{"Sec-WebSocket-Key", "Connection", "Upgrade", "Host"} {
		if n := strings.Count(strings.ToLower(head), "\r\n"+strings.ToLower(once)+":"); n != 1 {
			t.Errorf("%s at the upstream: got it %d times, want once", once, n)
		}
	}
	if st := s.Stats(); st.Claims != 1 {
		t.Errorf("claims: got %d, want 1", st.Claims)
	}
}

func TestHostThatTheRouteSets(t *testing.T) {
	s := newTestServer(t, good(), func(r *config.Route) {
		r.Headers.Set = []config.Header{{Name: "Host", Value: "inner"}}
	})
	s.send(t, request("/ws")).answer(t)
	s.wantPair(t)
	if got := s.upstream.received(); strings.Count(got, "Host: ") != 1+strings.Count(got, "Forwarded-Host: ") || headerOf(got, "Host") != "inner" {
		t.Errorf("upstream was sent %q, want Host: inner, once", got)
	}
}

func TestPairOutlivesTheHandshakesDeadline(t *testing.T) {
	const timeout = 100 * time.Millisecond
	s := newTestServer(t, good(), func(r *config.Route) { r.Limits.HandshakeTimeout = timeout })
	c := s.send(t, request("/ws"))
	c.answer(t)
	p := s.wantPair(t)
	got := make(chan error, 2)
	for _, conn := range []net.Conn{p.Client, p.Upstream} {
		go func() {
			_, err := conn.Read(make([]byte, 1))
			got <- err
		}()
	}
	select {
	case err := <-got:
		t.Errorf("read after the handshake: got %v, want to go on waiting", err)
	case <-time.After(3 * timeout): // a deadline cannot be asked for: it must be outlived
	}
	p.Client.Close()
	p.Upstream.Close()
	<-got
}

func TestSlowUpstream(t *testing.T) {
	s := newTestServer(t, says("hang"), func(r *config.Route) { r.Limits.HandshakeTimeout = 50 * time.Millisecond })
	_, body := s.wantRefused(t, request("/ws"), http.StatusGatewayTimeout)
	wantContains(t, "body", body, "took too long")
	s.upstream.wantClosed(t)
	if strings.Contains(body, "127.0.0.1") {
		t.Errorf("body: got %q, want no address in it", body)
	}
}

func TestClientThatGoesAwayEndsTheWaiting(t *testing.T) {
	s := newTestServer(t, says("hang"), func(r *config.Route) { r.Limits.HandshakeTimeout = time.Minute })
	c := s.send(t, request("/ws"))
	waittest.Until(t, "the upstream is asked", func() bool { return s.upstream.received() != "" })
	c.Close()
	s.upstream.wantClosed(t)
	s.wantNoPair(t)
}

func TestInterimAnswersAreSkipped(t *testing.T) {
	s := newTestServer(t, func(h string) string {
		return "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + good()(h) + "\x89\x00"
	})
	res, _ := s.send(t, request("/ws")).answer(t)
	if p := s.wantPair(t); res.StatusCode != 101 || string(p.FromUpstream) != "\x89\x00" {
		t.Errorf("got %d and %q behind it, want 101 and the ping", res.StatusCode, p.FromUpstream)
	}
}

// newTestEndpoints serves a route whose upstream has these addresses.
func newTestEndpoints(t *testing.T, u *testUpstream, addresses ...string) *testServer {
	t.Helper()
	c := &config.Upstream{Name: "main", Balance: config.RoundRobin, DialTimeout: 5 * time.Second}
	for _, a := range addresses {
		c.Endpoints = append(c.Endpoints, config.Endpoint{Scheme: config.HTTP, Address: a})
	}
	r := &config.Route{Path: "/", Upstream: c, Relay: config.Frames, Limits: config.Limits{HandshakeTimeout: 5 * time.Second}}
	return serveTest(t, u, &config.Config{Upstreams: []*config.Upstream{c}, Routes: []*config.Route{r},
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
}

func closedAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	return l.Addr().String()
}

func TestEndpointThatRefusesIsPassedOver(t *testing.T) {
	u := newTestUpstream(t, good())
	s := newTestEndpoints(t, u, closedAddress(t), u.listener.Addr().String())
	if res, body := s.send(t, request("/ws")).answer(t); res.StatusCode != 101 {
		t.Fatalf("status: got %d (%q), want 101", res.StatusCode, body)
	}
	p := s.wantPair(t)
	if got, want := p.Session.Endpoint, u.listener.Addr().String(); got != want {
		t.Errorf("endpoint of the session: got %s, want %s", got, want)
	}
}

func TestUpstreamThatCannotBeReached(t *testing.T) {
	dead := closedAddress(t)
	s := newTestEndpoints(t, newTestUpstream(t, good()), dead)
	_, body := s.wantRefused(t, request("/ws"), http.StatusBadGateway)
	if strings.Contains(body, dead) {
		t.Errorf("body: got %q, want no address in it", body)
	}
	wantContains(t, "log", s.log.String(), dead)
}

func TestUpstreamWithoutEndpoint(t *testing.T) {
	s := newTestEndpoints(t, newTestUpstream(t, good()))
	res, _ := s.wantRefused(t, request("/ws"), http.StatusServiceUnavailable)
	if res.Header.Get("Retry-After") == "" {
		t.Error("503: got no Retry-After")
	}
}

func TestTrustedPeerIsContinued(t *testing.T) {
	u := newTestUpstream(t, good())
	s := newTestEndpoints(t, u, u.listener.Addr().String())
	s.send(t, request("/ws", "X-Forwarded-For: 192.0.2.7", "X-Request-Id: outer-1",
		"X-Forwarded-Host: shop.example.com", "Origin: https://shop.example.com")).answer(t)
	p := s.wantPair(t)
	if p.Session.Client != "192.0.2.7" || p.Session.ID != "outer-1" {
		t.Errorf("session: got client %s, id %s, want 192.0.2.7 and outer-1", p.Session.Client, p.Session.ID)
	}
	if got := headerOf(u.received(), "X-Forwarded-For"); got != "192.0.2.7, 127.0.0.1" {
		t.Errorf("X-Forwarded-For: got %q", got)
	}
}

func TestBodyThatBreaksOffIsNotTakenForWhole(t *testing.T) {
	s := newTestServer(t, says("HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
		func(r *config.Route) { r.Limits.HandshakeTimeout = 50 * time.Millisecond })
	c := s.send(t, request("/ws"))
	res, err := http.ReadResponse(c.Reader, nil)
	if err != nil {
		return // cut before the head: not taken for whole either
	}
	if _, err := io.ReadAll(res.Body); err == nil {
		t.Error("body that broke off: got a whole one")
	}
	s.upstream.wantClosed(t)
	s.wantNoPair(t)
}

// What an upstream declines leads to no session, whose end would be in the log.
func TestDeclinedUpgradeIsLogged(t *testing.T) {
	s := newTestServer(t, says("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nfull"))
	s.wantRefused(t, request("/ws?token=secret"), http.StatusServiceUnavailable)
	wantContains(t, "log", s.log.String(), `level=WARN msg="upgrade declined by upstream" status=503 route=`)
	if strings.Contains(s.log.String(), "secret") {
		t.Errorf("log: got %q, want no secret in it", s.log)
	}
}
