package handshake

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"usher/proxy/config"
	"usher/proxy/headers"
	"usher/proxy/refusal"
	"usher/proxy/route"
	"usher/proxy/session"
	"usher/proxy/upstream"
	"usher/proxy/ws"
)

// testKey is the example key of RFC 6455, 1.3, and testAccept its proof.
const (
	testKey    = "dGhlIHNhbXBsZSBub25jZQ=="
	testAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

// testUpstream accepts connections, reads one head on each, gives the scripted
// answer, and records everything that it is ever sent.
type testUpstream struct {
	listener net.Listener
	answer   func(head string) string // "" closes, "hang" keeps silent
	accepted atomic.Int32
	done     sync.WaitGroup

	mu    sync.Mutex
	got   []byte        // guarded by mu
	peers []string      // who connected; guarded by mu
	ended chan struct{} // one for each connection that has ended
}

func newTestUpstream(t *testing.T, answer func(head string) string) *testUpstream {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u := &testUpstream{listener: l, answer: answer, ended: make(chan struct{}, 100)}
	u.done.Go(u.accept)
	t.Cleanup(func() {
		l.Close()
		u.done.Wait()
	})
	return u
}

func (u *testUpstream) accept() {
	for {
		conn, err := u.listener.Accept()
		if err != nil {
			return
		}
		u.accepted.Add(1)
		u.mu.Lock()
		u.peers = append(u.peers, conn.RemoteAddr().String())
		u.mu.Unlock()
		u.done.Go(func() { u.serve(conn) })
	}
}

func (u *testUpstream) serve(conn net.Conn) {
	defer func() { u.ended <- struct{}{} }()
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	br := bufio.NewReader(conn)
	var head bytes.Buffer
	for !strings.HasSuffix(head.String(), "\r\n\r\n") {
		line, err := br.ReadString('\n')
		head.WriteString(line)
		if err != nil {
			break
		}
	}
	u.record(head.Bytes())
	answer := u.answer(head.String())
	if answer == "" {
		return
	}
	if answer != "hang" {
		io.WriteString(conn, answer)
	}
	rest, _ := io.ReadAll(br)
	u.record(rest)
}

func (u *testUpstream) record(p []byte) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.got = append(u.got, p...)
}

func (u *testUpstream) received() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return string(u.got)
}

// wantClosed waits until the proxy has closed one connection to the upstream.
func (u *testUpstream) wantClosed(t *testing.T) {
	t.Helper()
	select {
	case <-u.ended:
	case <-time.After(5 * time.Second):
		t.Error("upstream connection is still open")
	}
}

// wantUntouched asserts that nobody connected. A connection of the test's own
// stands behind whatever may still wait to be accepted: it must be the first.
func (u *testUpstream) wantUntouched(t *testing.T) {
	t.Helper()
	own, err := net.Dial("tcp", u.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	own.Close()
	u.wantClosed(t)
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.peers[0] != own.LocalAddr().String() {
		t.Errorf("upstream was contacted: got %d connections, want none; it was sent %q", len(u.peers), u.got)
	}
}

// testServer is a Handler behind a real http.Server.
type testServer struct {
	*Handler
	address  string
	upstream *testUpstream
	adopted  chan Pair
	log      *syncBuffer
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer // guarded by mu
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func newTestServer(t *testing.T, answer func(head string) string, change ...func(*config.Route)) *testServer {
	t.Helper()
	u := newTestUpstream(t, answer)
	c := &config.Upstream{
		Name: "main", Balance: config.RoundRobin, DialTimeout: 5 * time.Second,
		Endpoints: []config.Endpoint{{Scheme: config.HTTP, Address: u.listener.Addr().String()}},
	}
	r := &config.Route{Path: "/", Upstream: c, Relay: config.Frames, Limits: config.Limits{HandshakeTimeout: 5 * time.Second}}
	for _, f := range change {
		f(r)
	}
	return serveTest(t, u, &config.Config{Upstreams: []*config.Upstream{c}, Routes: []*config.Route{r}})
}

func serveTest(t *testing.T, u *testUpstream, c *config.Config) *testServer {
	t.Helper()
	s := &testServer{upstream: u, adopted: make(chan Pair, 10), log: new(syncBuffer)}
	log := slog.New(slog.NewTextHandler(s.log, nil))
	s.Handler = &Handler{
		Counters:  new(Counters),
		Refusals:  &refusal.Writer{Log: log},
		Table:     route.NewTable(c),
		Upstreams: upstream.NewPool(c.Upstreams),
		Sessions:  session.NewRegistry(func(*session.Session, session.End) {}),
		Headers:   headers.Rules{Trusted: c.TrustedProxies},
		Log:       log,
		Adopt:     func(p Pair) { s.adopted <- p },
		Forward: func(w http.ResponseWriter, r *http.Request, _ route.Match, _ headers.Sender) {
			io.WriteString(w, "forwarded")
		},
		Messages: func(w http.ResponseWriter, r *http.Request, c Claim) { io.WriteString(w, "messages "+c.Path) },
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = l.Addr().String()
	server := &http.Server{Handler: s, ConnContext: ConnContext, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	var done sync.WaitGroup
	done.Go(func() { server.Serve(l) })
	t.Cleanup(func() {
		server.Close()
		done.Wait()
		if got := s.Stats().DuplicateClaims; got != 0 && !strings.Contains(t.Name(), "Duplicate") {
			t.Errorf("duplicate claims: got %d, want 0", got)
		}
	})
	return s
}

func (s *testServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.Serve(w, r, s.Headers.Sender(r))
}

// good answers every upgrade as an upstream should, with more header lines.
func good(more ...string) func(string) string {
	return func(head string) string {
		return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
			ws.AcceptKey(headerOf(head, "Sec-WebSocket-Key")) + "\r\n" + strings.Join(append(more, ""), "\r\n") + "\r\n"
	}
}

// says answers with fixed text.
func says(answer string) func(string) string { return func(string) string { return answer } }

// headerOf returns a header of a raw head, "" if it is not there.
func headerOf(head, name string) string {
	for line := range strings.SplitSeq(head, "\r\n") {
		if n, v, ok := strings.Cut(line, ": "); ok && strings.EqualFold(n, name) {
			return v
		}
	}
	return ""
}

// request builds a valid upgrade; each change is "Name: value" to add or replace
// a line, "-Name" to take it away, or "+Name: value" to add one more.
func request(target string, changes ...string) string {
	lines := []string{
		"Host: example.com", "Upgrade: websocket", "Connection: Upgrade",
		"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + testKey,
	}
	for _, c := range changes {
		name, _, _ := strings.Cut(strings.TrimLeft(c, "-+"), ":")
		kept := lines[:0:0]
		for _, l := range lines {
			if c[0] == '+' || !strings.HasPrefix(l, name+":") {
				kept = append(kept, l)
			}
		}
		if lines = kept; c[0] != '-' {
			lines = append(lines, strings.TrimPrefix(c, "+"))
		}
	}
	if !strings.Contains(target, " ") {
		target = "GET " + target
	}
	return target + " HTTP/1.1\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// client is a raw connection to the server.
type client struct {
	net.Conn
	*bufio.Reader
}

func (c client) Read(p []byte) (int, error) { return c.Reader.Read(p) }

func (s *testServer) send(t *testing.T, raw string) client {
	t.Helper()
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, raw); err != nil {
		t.Fatal(err)
	}
	return client{conn, bufio.NewReader(conn)}
}

// answer reads one answer with its body.
func (c client) answer(t *testing.T) (*http.Response, string) {
	t.Helper()
	res, err := http.ReadResponse(c.Reader, nil)
	if err != nil {
		t.Fatalf("reading the answer: %v", err)
	}
	if res.StatusCode == http.StatusSwitchingProtocols {
		return res, ""
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Errorf("reading the body of the answer: %v", err)
	}
	return res, string(body)
}

// wantRefused sends raw and wants a plain refusal and the connection closed.
func (s *testServer) wantRefused(t *testing.T, raw string, status int) (*http.Response, string) {
	t.Helper()
	c := s.send(t, raw)
	res, body := c.answer(t)
	if res.StatusCode != status {
		t.Errorf("status: got %d (%q), want %d", res.StatusCode, body, status)
	}
	if n, err := c.Reader.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("connection after the refusal: got %d more bytes and %v, want its end", n, err)
	}
	s.wantNoPair(t)
	return res, body
}

func (s *testServer) wantNoPair(t *testing.T) {
	t.Helper()
	select {
	case p := <-s.adopted:
		p.end()
		t.Error("a pair was adopted, want none")
	default:
	}
	for _, e := range s.Upstreams.Get("main").Endpoints() {
		if e.Use() != 0 {
			t.Errorf("endpoint in use after a refusal: got %d, want 0", e.Use())
		}
	}
}

// wantPair waits for the adoption; the pair ends with the test.
func (s *testServer) wantPair(t *testing.T) Pair {
	t.Helper()
	select {
	case p := <-s.adopted:
		t.Cleanup(p.end)
		return p
	case <-time.After(5 * time.Second):
		t.Fatal("no pair was adopted")
		return Pair{}
	}
}

func (p Pair) end() {
	p.Client.Close()
	p.Upstream.Close()
	p.Release()
}

func wantContains(t *testing.T, what, got, want string) {
	t.Helper()
	if !strings.Contains(got, want) {
		t.Errorf("%s: got %q, want %q in it", what, got, want)
	}
}

func wantHeader(t *testing.T, h http.Header, name string, want ...string) {
	t.Helper()
	if got := h.Values(name); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("header %s: got %q, want %q", name, got, want)
	}
}
