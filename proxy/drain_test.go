package proxy_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"usher/proxy"
	"usher/proxy/config"
)

// wantNewError wants New to return an error with the given text.
func wantNewError(t *testing.T, cfg *config.Config, text string) {
	t.Helper()
	_, err := proxy.New(cfg, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("New: got %v, want an error with %q", err, text)
	}
}

func TestAddressInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	text := fmt.Sprintf("listen: [127.0.0.1:0, %s]\n", l.Addr()) + oneRoute("http://127.0.0.1:1")
	cfg, err := config.Parse("routes.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	wantNewError(t, cfg, "address already in use")
}

func TestDrainClosesEverySocket(t *testing.T) {
	up := newTestBackend(t, echo)
	text := fmt.Sprintf(`
drain: {deadline: 5s}
upstreams: {main: %s}
routes:
  - {path: /, upstream: main}
  - {path: /messages, upstream: main, relay: messages}
`, up.URL)
	b := newTestBroker(t, text)
	var clients []*websocket.Conn
	for i := range 40 {
		path := "/ws"
		if i%4 == 0 {
			path = "/messages"
		}
		c, _ := b.dial(t, path, nil)
		wantEcho(t, c, websocket.TextMessage, []byte("hello"))
		clients = append(clients, c)
	}
	idle := dialRaw(t, b.address) // asked for nothing yet
	kept := dialRaw(t, b.address) // kept alive behind a request
	fmt.Fprint(kept, "GET /plain HTTP/1.1\r\nHost: a\r\n\r\n")
	resp, _ := readHead(t, kept)
	io.Copy(io.Discard, resp.Body)

	began := time.Now()
	b.stop()
	for _, c := range clients {
		if reason := wantClosed(t, c, websocket.CloseGoingAway); reason == "" {
			t.Error("reason: got none, want words")
		}
	}
	for _, c := range []net.Conn{idle, kept} {
		if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
			t.Errorf("idle connection: got %d, %v; want the end", n, err)
		}
	}
	b.wantStop(t, 5*time.Second)
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("Run returned after %v, want long before the deadline", took)
	}
	wantSessionsEnded(t, b, 40)
}

// wantSessionsEnded wants so many session lines, each of a shutdown.
func wantSessionsEnded(t *testing.T, b *broker, n int) {
	t.Helper()
	lines := b.log.lines(t, "session ended")
	if len(lines) != n {
		t.Errorf("session lines: got %d, want %d", len(lines), n)
	}
	for _, line := range lines {
		if line["cause"] != "usher.shutdown" {
			t.Errorf("cause: got %v, want usher.shutdown", line["cause"])
		}
	}
	if s := b.Stats().Sessions; s.Open != 0 || s.Duplicates != 0 {
		t.Errorf("sessions: got %+v, want none open and no duplicates", s)
	}
}

// TestDrainIsBounded has peers that do not answer: the deadline ends them.
func TestDrainIsBounded(t *testing.T) {
	up := newTestScript(t, func(c net.Conn, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/ws") {
			io.WriteString(c, accepted(r))
		}
		untilClosed(c)
	})
	b := newTestBroker(t, "drain: {deadline: 500ms}\n"+oneRoute(up.url))
	upgraded := dialRaw(t, b.address)
	io.WriteString(upgraded, upgradeHead)
	readHead(t, upgraded)
	waiting := dialRaw(t, b.address) // a plain request that is never answered
	io.WriteString(waiting, "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
	half := dialRaw(t, b.address) // an upgrade that is never answered
	io.WriteString(half, changed(t, "/ws", "/slow"))
	wantSoon(t, "connections to the upstream", 3, up.connections.Load)
	began := time.Now()
	b.wantStop(t, 3*time.Second)
	if took := time.Since(began); took < 400*time.Millisecond {
		t.Errorf("Run returned after %v, want the deadline given to the plain request", took)
	}
	if resp, _ := readHead(t, half); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("upgrade under way: got %s, want 503", resp.Status)
	}
}

func TestDrainLetsARequestEnd(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	up := newTestBackend(t, func(w http.ResponseWriter, _ *http.Request) {
		close(begun)
		<-end
		io.WriteString(w, "done")
	})
	b := newTestBroker(t, oneRoute(up.URL))
	c := dialRaw(t, b.address)
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	<-begun
	b.stop()
	wantSoon(t, "new connections refused", true, func() bool {
		c, err := net.Dial("tcp", b.address)
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	close(end)
	resp, _ := readHead(t, c)
	if body, _ := io.ReadAll(resp.Body); string(body) != "done" {
		t.Errorf("body: got %q, want done", body)
	}
	b.wantStop(t, 5*time.Second)
}
