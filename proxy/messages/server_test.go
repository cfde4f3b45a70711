package messages

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/proxy/config"
	"usher/proxy/handshake"
	"usher/proxy/refusal"
	"usher/proxy/relay"
	"usher/proxy/route"
	"usher/proxy/session"
	"usher/proxy/upstream"
	"usher/proxy/ws"
)

// server is a handshake with both relays behind it, in front of one upstream
// that the test plays: paths below /messages and /frames.
type server struct {
	t        *testing.T
	address  string
	upstream net.Listener
	relay    *Relay
	registry *session.Registry
	ends     chan session.End
}

func newServer(t *testing.T, limits config.Limits) *server {
	t.Helper()
	s := &server{t: t, upstream: listen(t), ends: make(chan session.End, 100)}
	limits.HandshakeTimeout = 5 * time.Second
	u := &config.Upstream{
		Name: "main", Balance: config.RoundRobin, DialTimeout: 5 * time.Second,
		Endpoints: []config.Endpoint{{Scheme: config.HTTP, Address: s.upstream.Addr().String()}},
	}
	cfg := &config.Config{Upstreams: []*config.Upstream{u}, Routes: []*config.Route{
		{Path: "/messages", Upstream: u, Relay: config.Messages, Limits: limits},
		{Path: "/frames", Upstream: u, Relay: config.Frames, Limits: limits},
	}}
	group, err := relay.NewGroup()
	if err != nil {
		t.Fatal(err)
	}
	s.registry = session.NewRegistry(func(_ *session.Session, e session.End) { s.ends <- e })
	h := &handshake.Handler{Counters: new(handshake.Counters), Refusals: new(refusal.Writer), Table: route.NewTable(cfg), Upstreams: upstream.NewPool(cfg.Upstreams), Sessions: s.registry}
	options := &relay.Options{MaxMessage: limits.MaxMessage, MaxFragments: limits.MaxFragments}
	h.Adopt = func(p handshake.Pair) {
		group.Adopt(p.Session, relay.Leg{Conn: p.Client, Early: p.FromClient}, relay.Leg{Conn: p.Upstream, Early: p.FromUpstream}, options, p.Release)
	}
	s.relay = NewRelay(handshake.Finish, func(*session.Session) {})
	h.Messages = s.relay.ServeHTTP
	l := listen(t)
	s.address = l.Addr().String()
	serve := func(w http.ResponseWriter, r *http.Request) { h.Serve(w, r, h.Headers.Sender(r)) }
	web := &http.Server{Handler: http.HandlerFunc(serve), ConnContext: handshake.ConnContext, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	var done sync.WaitGroup
	done.Go(func() { web.Serve(l) })
	t.Cleanup(func() {
		web.Close()
		done.Wait()
		group.Close()
		s.relay.Shutdown(t.Context(), session.Drain{Until: time.Now()})
		if r := s.registry.Stats(); r.Open != 0 || r.Duplicates != 0 {
			t.Errorf("got %d open sessions, %d duplicate ends, want 0, 0", r.Open, r.Duplicates)
		}
	})
	return s
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// patience ends a test that hangs.
const patience = time.Minute

const testKey = "dGhlIHNhbXBsZSBub25jZQ=="

func upgrade(path string, headers ...string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: " + testKey + "\r\n" + strings.Join(append(headers, ""), "\r\n") + "\r\n"
}

// dial sends the client's first bytes.
func (s *server) dial(first string) (net.Conn, *bufio.Reader) {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	io.WriteString(conn, first)
	return conn, bufio.NewReader(conn)
}

// accept takes the connection that usher makes to the upstream, and its request.
func (s *server) accept() (net.Conn, *bufio.Reader, *http.Request) {
	s.t.Helper()
	s.upstream.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
	conn, err := s.upstream.Accept()
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	br := bufio.NewReader(conn)
	req, err := http.ReadRequest(br)
	if err != nil {
		s.t.Fatal(err)
	}
	return conn, br, req
}

func answer101(req *http.Request, headers ...string) string {
	return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		ws.AcceptKey(req.Header.Get("Sec-WebSocket-Key")) + "\r\n" + strings.Join(append(headers, ""), "\r\n") + "\r\n"
}

func response(t *testing.T, br *bufio.Reader) (*http.Response, string) {
	t.Helper()
	res, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode == http.StatusSwitchingProtocols {
		return res, ""
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

// The library passes a few headers each way and keeps one cookie; and it would
// not offer the extension only because it offers none of its client's.
func TestHandshakeIsWhole(t *testing.T) {
	s := newServer(t, config.Limits{})
	c := &peer{client: true}
	early := string(c.frame(0x81, "early"))
	client, fromClient := s.dial(upgrade("/messages/x?a=b", "Origin: http://example.com", "Cookie: a=1", "Authorization: Bearer secret",
		"User-Agent: test", "Sec-WebSocket-Protocol: one, two", "Sec-WebSocket-Extensions: permessage-deflate", "X-Forwarded-For: 1.2.3.4") + early)
	up, fromUsher, req := s.accept()
	for name, want := range map[string]string{
		"Authorization": "Bearer secret", "User-Agent": "test", "Cookie": "a=1", "Origin": "http://example.com",
		"Sec-Websocket-Protocol": "one, two", "Sec-Websocket-Extensions": "", "X-Forwarded-For": "127.0.0.1",
	} {
		if got := strings.Join(req.Header[name], "|"); got != want {
			t.Errorf("upstream: got %s %q, want %q", name, got, want)
		}
	}
	if req.RequestURI != "/messages/x?a=b" || req.Host != "example.com" {
		t.Errorf("upstream: got %s of %s, want /messages/x?a=b of example.com", req.RequestURI, req.Host)
	}
	io.WriteString(up, answer101(req, "Sec-WebSocket-Protocol: two", "Set-Cookie: a=1", "Set-Cookie: b=2", "X-Other: yes")+"\x81\x07welcome")
	res, _ := response(t, fromClient)
	if got := strings.Join(res.Header["Set-Cookie"], "|"); res.StatusCode != 101 || got != "a=1|b=2" {
		t.Errorf("client: got %d with cookies %q, want 101 with a=1|b=2", res.StatusCode, got)
	}
	if res.Header.Get("Sec-WebSocket-Protocol") != "two" || res.Header.Get("X-Other") != "yes" || res.Header.Get("Sec-WebSocket-Extensions") != "" {
		t.Errorf("client: got %v, want protocol two, X-Other, no extension", res.Header)
	}
	wantBytes(t, fromClient, "\x81\x07welcome")
	frame := make([]byte, len(early))
	_, err := io.ReadFull(fromUsher, frame)
	h, n, _ := ws.ParseHeader(frame)
	ws.Mask(frame[n:], h.Key, 0)
	if err != nil || !h.Masked || string(frame[n:]) != "early" {
		t.Errorf("got %q, masked %t, error %v, want early, masked", frame[n:], h.Masked, err)
	}
	client.Close()
}

func wantBytes(t *testing.T, r io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(r, got); err != nil || string(got) != want {
		t.Errorf("got %q, error %v, want %q", got, err, want)
	}
}

// The library keeps 1 KiB of what the upstream says instead of a 101.
func TestOtherAnswerPasses(t *testing.T) {
	s := newServer(t, config.Limits{})
	_, fromClient := s.dial(upgrade("/messages"))
	up, _, _ := s.accept()
	body := long(5000)
	io.WriteString(up, "HTTP/1.1 403 Forbidden\r\nContent-Length: 5000\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nKeep-Alive: timeout=5\r\n\r\n"+body)
	res, got := response(t, fromClient)
	if res.StatusCode != 403 || got != body || len(res.Header["Set-Cookie"]) != 2 || res.Header.Get("Keep-Alive") != "" {
		t.Errorf("got %d, %d bytes, %v, want 403, all 5000 bytes, 2 cookies, no Keep-Alive", res.StatusCode, len(got), res.Header)
	}
}

// The library passes a 101 without proof on as the answer it is, says 503 for
// everything else, and logs addresses.
func TestNoUpstream(t *testing.T) {
	for _, tt := range []struct {
		name   string
		play   func(s *server)
		status int
	}{
		{"wrong proof", func(s *server) {
			up, _, req := s.accept()
			req.Header.Set("Sec-WebSocket-Key", "other")
			io.WriteString(up, answer101(req))
		}, 502},
		{"extension not offered", func(s *server) {
			up, _, req := s.accept()
			io.WriteString(up, answer101(req, "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover"))
		}, 502},
		{"subprotocol not offered", func(s *server) {
			up, _, req := s.accept()
			io.WriteString(up, answer101(req, "Sec-WebSocket-Protocol: chat"))
		}, 502},
		{"hangs up", func(s *server) { up, _, _ := s.accept(); up.Close() }, 502},
		{"is not there", func(s *server) {}, 502},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t, config.Limits{})
			if tt.name == "is not there" {
				s.upstream.Close()
			}
			_, fromClient := s.dial(upgrade("/messages", "Sec-WebSocket-Extensions: permessage-deflate"))
			tt.play(s)
			res, body := response(t, fromClient)
			if res.StatusCode != tt.status || strings.Contains(body, "127.0.0.1") {
				t.Errorf("got %d %q, want %d without an address", res.StatusCode, body, tt.status)
			}
			if n := s.registry.Stats().Opened; n != 0 {
				t.Errorf("got %d sessions, want none", n)
			}
		})
	}
}

// The library dials before it looks at the request.
func TestUpstreamNotContacted(t *testing.T) {
	for _, tt := range []struct {
		name, request string
		status        int
	}{
		{"version", strings.Replace(upgrade("/messages"), "Version: 13", "Version: 8", 1), 426},
		{"key", strings.Replace(upgrade("/messages"), testKey, "short", 1), 400},
		{"method", "POST" + strings.TrimPrefix(upgrade("/messages"), "GET"), 400},
		{"origin", upgrade("/messages", "Origin: http://evil.example"), 403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t, config.Limits{})
			_, fromClient := s.dial(tt.request)
			if res, _ := response(t, fromClient); res.StatusCode != tt.status {
				t.Errorf("got %d, want %d", res.StatusCode, tt.status)
			}
			s.upstream.(*net.TCPListener).SetDeadline(time.Now())
			if conn, err := s.upstream.Accept(); err == nil {
				conn.Close()
				t.Error("got the upstream contacted, want not")
			}
		})
	}
}

// An upstream that never answers does not hold up the end of usher.
func TestShutdownDuringHandshake(t *testing.T) {
	s := newServer(t, config.Limits{})
	_, fromClient := s.dial(upgrade("/messages"))
	s.accept()
	begin := time.Now()
	if err := s.relay.Shutdown(t.Context(), session.Drain{Until: time.Now()}); err != nil || time.Since(begin) > 4*time.Second {
		t.Errorf("got %v after %v, want none at once", err, time.Since(begin))
	}
	if res, _ := response(t, fromClient); res.StatusCode < 500 {
		t.Errorf("got %d, want a refusal", res.StatusCode)
	}
	_, fromClient = s.dial(upgrade("/messages"))
	if res, _ := response(t, fromClient); res.StatusCode < 500 {
		t.Errorf("got %d behind the shutdown, want a refusal", res.StatusCode)
	}
}
