package proxy_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"usher/proxy/config"
)

// The promises of the README, by number. Each has a test of its own that would
// fail without it; the first to break is the one to look at.

func TestPromise1CompetingRoutesAreRefused(t *testing.T) {
	text := "upstreams: {main: http://127.0.0.1:3001, admin: http://127.0.0.1:3002}\nroutes:\n" +
		"  - {path: /socket.io, upstream: main}\n  - {path: /socket.io/, upstream: admin}\n"
	_, err := config.Parse("routes.yaml", []byte(text), nil)
	if err == nil || !strings.Contains(err.Error(), "routes.yaml:3:") || !strings.Contains(err.Error(), "routes.yaml:4:") {
		t.Errorf("Parse: got %v, want an error that names both lines", err)
	}
}

func TestPromise1OneClaimPerSocket(t *testing.T) {
	admin, main := newTestBackend(t, echo), newTestBackend(t, echo)
	b := newTestBroker(t, fmt.Sprintf("upstreams: {main: %s, admin: %s}\nroutes:\n  - {path: /, upstream: main}\n  - {path: /admin, upstream: admin}\n", main.URL, admin.URL))
	const sockets = 50
	var clients sync.WaitGroup
	for i := range sockets {
		clients.Go(func() {
			path := []string{"/ws", "/admin/ws"}[i%2]
			c, _, err := websocket.DefaultDialer.Dial("ws://"+b.address+path, nil)
			if err != nil {
				t.Errorf("dial %s: %v", path, err)
				return
			}
			c.Close()
		})
	}
	clients.Wait()
	if s := b.Stats().Handshake; s.Claims != sockets || s.DuplicateClaims != 0 {
		t.Errorf("claims: got %d and %d duplicates, want %d and 0", s.Claims, s.DuplicateClaims, sockets)
	}
	if m, a := main.requests.Load(), admin.requests.Load(); m != sockets/2 || a != sockets/2 {
		t.Errorf("upgrades by upstream: got %d and %d, want %d each", m, a, sockets/2)
	}
	b.wantStop(t, patience)
	last := b.log.lines(t, "stopped")
	if len(last) != 1 || last[0]["claims"] != float64(sockets) || last[0]["duplicate_claims"] != 0.0 {
		t.Errorf("last log line: got %v, want one with claims %d and duplicate_claims 0", last, sockets)
	}
}

func TestPromise2ValidateThenDial(t *testing.T) {
	up := newTestBackend(t, echo)
	b := newTestBroker(t, fmt.Sprintf("upstreams: {main: %s}\nroutes: [{path: /ws, upstream: main}]\n", up.URL))
	for _, request := range []string{
		changed(t, "GET", "PUT"), changed(t, "13", "0"), changed(t, "AAEC", ""), changed(t, "/ws", "/none"),
		changed(t, "Upgrade: websocket", "Upgrade: websocket\r\nOrigin: https://evil.example"),
	} {
		exchange(t, b.address, request)
	}
	if n := up.connections.Load(); n != 0 {
		t.Errorf("connections to the upstream: got %d, want none", n)
	}
	c, _ := b.dial(t, "/ws", nil)
	wantEcho(t, c, websocket.TextMessage, []byte("hello"))
	if n := up.connections.Load(); n != 1 {
		t.Errorf("connections to the upstream: got %d, want 1 for the valid request", n)
	}
}

func TestPromise3The101ComesAfterTheUpstreams(t *testing.T) {
	answer := make(chan struct{})
	up := newTestScript(t, func(c net.Conn, r *http.Request) {
		<-answer
		io.WriteString(c, strings.Replace(accepted(r), acceptOf(r), "AAECAwQFBgcICQoLDA0ODxAREhM=", 1))
		untilClosed(c)
	})
	b := newTestBroker(t, oneRoute(up.url))
	c := dialRaw(t, b.address)
	io.WriteString(c, upgradeHead)
	wantSoon(t, "connections to the upstream", 1, up.connections.Load)
	close(answer)
	if resp, _ := readHead(t, c); resp.StatusCode != http.StatusBadGateway {
		t.Errorf("status: got %s, want 502: the upstream's 101 is not valid", resp.Status)
	}
}

// TestPromise4NeverARawPipe sends what a tunnel would carry once both sides
// have their 101: not a byte of it may arrive, in either direction.
func TestPromise4NeverARawPipe(t *testing.T) {
	t.Parallel() // a peer that does not answer a Close is waited for
	const smuggled = "GET /admin HTTP/1.1\r\nHost: a\r\n\r\n"
	received := make(chan string, 2)
	up := newTestScript(t, func(c net.Conn, r *http.Request) {
		io.WriteString(c, accepted(r))
		if r.URL.Path == "/reply" {
			io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
		}
		got, _ := io.ReadAll(c)
		received <- string(got)
	})
	b := newTestBroker(t, oneRoute(up.url))
	c := dialRaw(t, b.address)
	io.WriteString(c, upgradeHead+smuggled)
	got, _ := io.ReadAll(c)
	if at := <-received; strings.Contains(at, "GET") {
		t.Errorf("upstream: got %q, want none of the request", at)
	}
	if !strings.Contains(string(got), "\x88") {
		t.Errorf("client: got %q, want a Close frame at the end", got)
	}
	c = dialRaw(t, b.address)
	io.WriteString(c, changed(t, "/ws", "/reply"))
	got, _ = io.ReadAll(c)
	if <-received; strings.Contains(string(got), "200 OK") {
		t.Errorf("client: got %q, want none of what is no frame", got)
	}
}

// TestPromise5OneLegalEnd cuts the upstream in the middle of a frame: the
// client's Close must not stand inside it.
func TestPromise5OneLegalEnd(t *testing.T) {
	up := newTestScript(t, func(c net.Conn, r *http.Request) {
		io.WriteString(c, accepted(r)+"\x81\x05hello\x81\x0ahalf")
	})
	b := newTestBroker(t, oneRoute(up.url))
	c, _ := b.dial(t, "/ws", nil)
	if _, p, err := c.ReadMessage(); err != nil || string(p) != "hello" {
		t.Fatalf("message: got %q, %v; want hello", p, err)
	}
	// Half a frame has no boundary to put a Close on: no message, no Close.
	if _, p, err := c.ReadMessage(); err == nil {
		t.Errorf("message: got %q, want none from half a frame", p)
	}
	wantSoon(t, "session lines", 1, func() int { return len(b.log.lines(t, "session ended")) })
	if got := b.log.lines(t, "session ended")[0]["cause"]; got != "upstream.lost" {
		t.Errorf("cause: got %v, want upstream.lost", got)
	}
	if d := b.Stats().Sessions.Duplicates; d != 0 {
		t.Errorf("ends of ended sessions: got %d, want 0", d)
	}
}

// TestPromise6TheLossOfOneUpstream leaves the sockets of others alone.
func TestPromise6TheLossOfOneUpstream(t *testing.T) {
	stable, weak := newTestBackend(t, echo), newTestBackend(t, echo)
	b := newTestBroker(t, fmt.Sprintf("upstreams: {stable: %s, weak: %s}\nroutes:\n  - {path: /, upstream: stable}\n  - {path: /weak, upstream: weak}\n", stable.URL, weak.URL))
	a, _ := b.dial(t, "/ws", nil)
	lost, _ := b.dial(t, "/weak", nil)
	wantEcho(t, lost, websocket.TextMessage, []byte("hello"))
	weak.vanish()
	wantClosed(t, lost, websocket.CloseInternalServerErr)
	wantEcho(t, a, websocket.TextMessage, []byte("still here"))
	exchange(t, b.address, changed(t, "/ws", "/weak")).wantStatus(t, 502)
	c, _ := b.dial(t, "/ws", nil)
	wantEcho(t, c, websocket.TextMessage, []byte("and open to all"))
	b.wantSessions(t, 2)
}

// TestPromise6AReload changes one route and leaves the sockets of others alone.
func TestPromise6AReload(t *testing.T) {
	a, c := newTestBackend(t, echo), newTestBackend(t, echo)
	text := "upstreams: {a: %s, c: %s}\nroutes:\n  - {path: /, upstream: a}\n  - {path: /changes, upstream: %s}\n"
	b := newTestBroker(t, fmt.Sprintf(text, a.URL, c.URL, "a"))
	stays, _ := b.dial(t, "/ws", nil)
	changes, _ := b.dial(t, "/changes", nil)
	b.reload(t, fmt.Sprintf(text, a.URL, c.URL, "c"))
	wantClosed(t, changes, websocket.CloseServiceRestart)
	wantEcho(t, stays, websocket.TextMessage, []byte("still here"))
	b.wantSessions(t, 1)
}

// TestPromise7ASlowReader has an upstream push what its client does not read:
// it must be held up soon, and nobody else be.
func TestPromise7ASlowReader(t *testing.T) {
	const frame, enough = 64 << 10, 64 << 20 // the kernel's own buffers take some megabytes
	pushed := make(chan int64, 1)
	up := newTestScript(t, func(c net.Conn, r *http.Request) {
		io.WriteString(c, accepted(r))
		message := append([]byte{0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0}, make([]byte, frame)...)
		c.SetWriteDeadline(time.Now().Add(time.Second))
		var total int64
		for total < enough {
			n, err := c.Write(message)
			total += int64(n)
			if err != nil {
				break
			}
		}
		pushed <- total
	})
	other := newTestBackend(t, echo)
	b := newTestBroker(t, fmt.Sprintf("upstreams: {push: %s, other: %s}\nroutes:\n  - {path: /push, upstream: push}\n  - {path: /, upstream: other}\n", up.url, other.URL))
	slow := dialRaw(t, b.address)
	io.WriteString(slow, changed(t, "/ws", "/push"))
	c, _ := b.dial(t, "/ws", nil)
	for range 100 {
		wantEcho(t, c, websocket.TextMessage, []byte("not held up"))
	}
	if got := <-pushed; got >= enough {
		t.Errorf("bytes that went through: got %d, want the upstream held up before", got)
	}
}
