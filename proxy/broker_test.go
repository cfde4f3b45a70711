package proxy_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"usher/proxy"
	"usher/proxy/config"
	"usher/proxy/waittest"
)

// patience is how long a test waits for what must come, or for the next byte of
// it.
const patience = waittest.Patience

// broker is a running Server.
type broker struct {
	*proxy.Server
	address string // of its first listener
	log     *logBuffer
	stop    func()     // begins the drain
	done    chan error // what Run returned
}

// newTestBroker runs a Server with the routes file text until the test ends. It
// listens on a free address unless the text says where.
func newTestBroker(t *testing.T, text string) *broker {
	t.Helper()
	if !strings.Contains(text, "listen:") {
		text = "listen: 127.0.0.1:0\n" + text
	}
	cfg, err := config.Parse("routes.yaml", []byte(text), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatalf("routes file: %v\n%s", err, text)
	}
	return runTestBroker(t, cfg)
}

func runTestBroker(t *testing.T, cfg *config.Config) *broker {
	t.Helper()
	return runTestServer(t, cfg, nil)
}

// runWatchingBroker runs a Server that reads cfg's file again.
func runWatchingBroker(t *testing.T, cfg *config.Config) *broker {
	t.Helper()
	return runTestServer(t, cfg, func() (*config.Config, error) { return config.Load(cfg.File) })
}

func runTestServer(t *testing.T, cfg *config.Config, load func() (*config.Config, error)) *broker {
	t.Helper()
	log := &logBuffer{}
	s, err := proxy.New(cfg, slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	s.Load = load
	ctx, cancel := context.WithCancel(context.Background())
	b := &broker{Server: s, address: s.Addresses()[0].String(), log: log, stop: cancel, done: make(chan error, 1)}
	go func() { b.done <- s.Run(ctx) }()
	t.Cleanup(func() { b.wantStop(t, patience) })
	return b
}

// wantStop stops the broker; Run must return nil within the given time.
func (b *broker) wantStop(t *testing.T, within time.Duration) {
	t.Helper()
	b.stop()
	select {
	case err := <-b.done:
		if err != nil {
			t.Errorf("Run: got %v, want nil", err)
		}
		b.done <- err // for whoever asks again
	case <-time.After(within):
		t.Errorf("Run: still going %v after the stop", within)
	}
	if t.Failed() {
		t.Logf("log:\n%s", b.log)
	}
}

// wantSessions waits until so many sessions are open.
func (b *broker) wantSessions(t *testing.T, want int) {
	t.Helper()
	wantSoon(t, "open sessions", want, func() int { return b.Stats().Sessions.Open })
}

// wantSoon waits until got returns want.
func wantSoon[T comparable](t *testing.T, what string, want T, got func() T) {
	t.Helper()
	waittest.Equal(t, what, want, got)
}

// logBuffer keeps what was logged.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// lines returns the decoded lines with the message msg.
func (l *logBuffer) lines(t *testing.T, msg string) []map[string]any {
	t.Helper()
	var found []map[string]any
	for line := range strings.Lines(l.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("log line %q: %v", line, err)
		}
		if fields["msg"] == msg {
			found = append(found, fields)
		}
	}
	return found
}

// backend is an upstream that counts who came.
type backend struct {
	*httptest.Server
	connections atomic.Int64 // accepted
	open        atomic.Int64 // of these, neither closed nor taken over
	requests    atomic.Int64

	mu       sync.Mutex
	hijacked []net.Conn // guarded by mu
}

// vanish cuts all connections of b and lets nobody in any more.
func (b *backend) vanish() {
	b.Listener.Close()
	b.CloseClientConnections()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.hijacked {
		c.Close()
	}
}

func (b *backend) follow(c net.Conn, s http.ConnState) {
	switch s {
	case http.StateNew:
		b.connections.Add(1)
		b.open.Add(1)
	case http.StateClosed:
		b.open.Add(-1)
	case http.StateHijacked:
		b.open.Add(-1)
		b.mu.Lock()
		b.hijacked = append(b.hijacked, c)
		b.mu.Unlock()
	default:
	}
}

func newTestBackend(t *testing.T, h http.HandlerFunc) *backend {
	t.Helper()
	b := &backend{}
	b.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.requests.Add(1)
		h(w, r)
	}))
	b.Config.ConnState = b.follow
	b.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	b.Start()
	t.Cleanup(b.Close)
	return b
}

// echo sends back each message, under the name of the backend that has it.
func echo(w http.ResponseWriter, r *http.Request) {
	up := websocket.Upgrader{
		CheckOrigin:       func(*http.Request) bool { return true },
		Subprotocols:      []string{"v2.chat", "v1.chat"},
		EnableCompression: true,
	}
	head := http.Header{"Set-Cookie": {"a=1; HttpOnly", "b=2"}, "X-Path": {r.URL.EscapedPath()}}
	c, err := up.Upgrade(w, r, head)
	if err != nil {
		return
	}
	defer c.Close()
	for {
		kind, p, err := c.ReadMessage()
		if err != nil {
			return
		}
		if c.WriteMessage(kind, p) != nil {
			return
		}
	}
}

// dial opens a WebSocket through the broker.
func (b *broker) dial(t *testing.T, path string, head http.Header) (*websocket.Conn, *http.Response) {
	t.Helper()
	d := websocket.Dialer{HandshakeTimeout: patience}
	return dialWith(t, &d, "ws://"+b.address+path, head)
}

func dialWith(t *testing.T, d *websocket.Dialer, url string, head http.Header) (*websocket.Conn, *http.Response) {
	t.Helper()
	c, resp, err := patient(d).Dial(url, head)
	if err != nil {
		if resp != nil {
			body, _ := io.ReadAll(resp.Body)
			t.Fatalf("dial %s: %v: %s %s", url, err, resp.Status, body)
		}
		t.Fatalf("dial %s: %v", url, err)
	}
	t.Cleanup(func() { c.Close() })
	return c, resp
}

// patient is d, but what it dials fails when nothing moves for patience, and not
// because all of it takes long.
func patient(d *websocket.Dialer) *websocket.Dialer {
	dial := d.NetDialContext
	if plain := d.NetDial; dial == nil && plain != nil {
		dial = func(_ context.Context, network, address string) (net.Conn, error) { return plain(network, address) }
	}
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	own := *d
	own.NetDialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &patientConn{Conn: c}, nil
	}
	return &own
}

// patientConn has deadlines of its own, but for those that a test sets.
type patientConn struct {
	net.Conn
	reads, writes atomic.Bool // the test has set one
}

func (c *patientConn) SetReadDeadline(t time.Time) error {
	c.reads.Store(!t.IsZero())
	return c.Conn.SetReadDeadline(t)
}

func (c *patientConn) SetWriteDeadline(t time.Time) error {
	c.writes.Store(!t.IsZero())
	return c.Conn.SetWriteDeadline(t)
}

func (c *patientConn) Read(p []byte) (int, error) {
	if !c.reads.Load() {
		c.Conn.SetReadDeadline(time.Now().Add(patience))
	}
	return c.Conn.Read(p)
}

func (c *patientConn) Write(p []byte) (int, error) {
	if !c.writes.Load() {
		c.Conn.SetWriteDeadline(time.Now().Add(patience))
	}
	return c.Conn.Write(p)
}

// wantEcho sends a message and waits for the same.
func wantEcho(t *testing.T, c *websocket.Conn, kind int, payload []byte) {
	t.Helper()
	if err := c.WriteMessage(kind, payload); err != nil {
		t.Fatalf("send: %v", err)
	}
	gotKind, got, err := c.ReadMessage()
	if err != nil {
		t.Fatalf("receive: %v", err)
	}
	if gotKind != kind || !bytes.Equal(got, payload) {
		t.Fatalf("echo of %d bytes: got kind %d and %d bytes, want kind %d and the same", len(payload), gotKind, len(got), kind)
	}
}

// wantClosed waits for a Close frame with the given code and returns its reason.
func wantClosed(t *testing.T, c *websocket.Conn, code int) string {
	t.Helper()
	for {
		_, _, err := c.ReadMessage()
		if err == nil {
			continue
		}
		closed, ok := errors.AsType[*websocket.CloseError](err)
		if !ok || closed.Code != code {
			t.Fatalf("close: got %v, want code %d", err, code)
		}
		return closed.Text
	}
}
