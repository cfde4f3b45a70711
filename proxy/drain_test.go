package proxy_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
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
		if reason := wantClosed(t, c, websocket.CloseServiceRestart); reason == "" {
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

// TestDrainOfManySockets stops usher while 2,000 clients are in the middle of
// large messages: each sees whole frames and the configured code, and they do
// not all see it at once.
func TestDrainOfManySockets(t *testing.T) {
	sockets, over := 2000, 3*time.Second
	if testing.Short() {
		sockets, over = 200, time.Second
	}
	up := newTestScript(t, midMessage)
	b := newTestBroker(t, fmt.Sprintf("drain: {over: %v, deadline: 25s, code: 1001}\n", over)+oneRoute(up.url))
	var clients sync.WaitGroup
	ends := make(chan time.Time, sockets)
	batches(t, sockets, func(i int) {
		c, _, err := websocket.DefaultDialer.Dial("ws://"+b.address+"/ws", nil)
		if err != nil {
			t.Errorf("client %d: %v", i, err)
			return
		}
		clients.Go(func() {
			defer c.Close()
			err := readAll(c)
			if code, ok := errors.AsType[*websocket.CloseError](err); !ok || code.Code != websocket.CloseGoingAway {
				t.Errorf("client %d: got %v, want a Close frame with 1001", i, err)
			}
			ends <- time.Now()
		})
	})
	began := time.Now()
	b.wantStop(t, 30*time.Second)
	clients.Wait()
	close(ends)
	inFirstHalf := 0
	for at := range ends {
		if at.Before(began.Add(over / 2)) {
			inFirstHalf++
		}
	}
	// How exactly they are spread is the relay's own test: here other
	// processes have a say.
	if inFirstHalf > sockets*3/4 {
		t.Errorf("clients told in the first half of the window: got %d of %d, want about half", inFirstHalf, sockets)
	}
	wantSessionsEnded(t, b, sockets)
}

// midMessage accepts an upgrade and sends a large message, of which the second
// half waits until it is told to close.
func midMessage(c net.Conn, r *http.Request) {
	c.SetDeadline(time.Now().Add(time.Minute))
	half := make([]byte, 32<<10)
	io.WriteString(c, accepted(r)+"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00")
	c.Write(half)
	c.Read(make([]byte, 1)) // the client sends nothing: it is the Close frame
	c.Write(append(half, 0x88, 0))
	untilClosed(c)
}

// readAll reads messages until there are no more, and says why.
func readAll(c *websocket.Conn) error {
	for {
		if _, _, err := c.ReadMessage(); err != nil {
			return err
		}
	}
}

// TestDrainGrace serves for a while after the signal, and says that it is not
// ready. Behind that, a connection that is kept alive gets no socket any more.
func TestDrainGrace(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	up := newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(begun)
			<-end
			return
		}
		echo(w, r)
	})
	b := newTestBroker(t, "admin: 127.0.0.1:0\ndrain: {grace: 1s, over: 1s, deadline: 20s}\n"+oneRoute(up.URL))
	o := b.operator(t)
	if got := o.readiness(t); got != "serving" {
		t.Errorf("before the stop: got %s, want serving", got)
	}
	b.stop()
	wantSoon(t, "readiness", "grace", func() string { return o.readiness(t) })
	c, _ := b.dial(t, "/ws", nil)
	wantEcho(t, c, websocket.TextMessage, []byte("in the grace"))
	kept := dialRaw(t, b.address)
	io.WriteString(kept, "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"+upgradeHead)
	<-begun
	wantClosed(t, c, websocket.CloseServiceRestart)
	close(end)
	resp, br := readHead(t, kept)
	if resp.StatusCode != http.StatusOK || !resp.Close {
		t.Errorf("request under way: got %s and close %t, want 200 and the end behind it", resp.Status, resp.Close)
	}
	io.Copy(io.Discard, resp.Body)
	if rest, _ := io.ReadAll(br); len(rest) > 0 {
		t.Errorf("behind it: got %q, want the end", rest)
	}
	b.wantStop(t, patience)
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
