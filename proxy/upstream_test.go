package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"usher/proxy/ws"
)

// script is an upstream that a test writes byte by byte.
type script struct {
	net.Listener
	url         string
	connections atomic.Int64
	conns       sync.WaitGroup
}

// newTestScript runs play for each connection, with the first request on it.
func newTestScript(t *testing.T, play func(c net.Conn, r *http.Request)) *script {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return runTestScript(t, l, "http://"+l.Addr().String(), play)
}

func runTestScript(t *testing.T, l net.Listener, url string, play func(c net.Conn, r *http.Request)) *script {
	t.Helper()
	s := &script{Listener: l, url: url}
	s.conns.Go(func() { s.accept(play) })
	t.Cleanup(func() {
		l.Close()
		s.conns.Wait()
	})
	return s
}

func (s *script) accept(play func(net.Conn, *http.Request)) {
	for {
		c, err := s.Accept()
		if err != nil {
			return
		}
		s.connections.Add(1)
		s.conns.Go(func() {
			defer c.Close()
			c.SetDeadline(time.Now().Add(patience))
			if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				play(c, r)
			}
		})
	}
}

// accepted is a valid answer to r, with more header lines if given.
func accepted(r *http.Request, more ...string) string {
	return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		acceptOf(r) + "\r\n" + strings.Join(more, "") + "\r\n"
}

func acceptOf(r *http.Request) string {
	return ws.AcceptKey(r.Header.Get("Sec-WebSocket-Key"))
}

// untilClosed returns when the other side has closed c, or sent a Close frame.
func untilClosed(c net.Conn) {
	p := make([]byte, 4096)
	for {
		n, err := c.Read(p)
		if err != nil || n > 0 && p[0] == 0x88 {
			return
		}
	}
}

func TestAnswersOfTheUpstream(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer func(r *http.Request) string // "" for none
		status int
		body   string
	}{
		{"200 and tunnel (attack 1)", plain("HTTP/1.1 200 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\nhi"), 200, "hi"},
		{"401", plain("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Length: 5\r\n\r\nlogin"), 401, "login"},
		{"404", plain("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone"), 404, "none"},
		{"503 of its own", plain("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy"), 503, "busy"},
		{"chunked refusal", plain("HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n"), 403, "no"},
		{"101 without accept (attack 2)", plain("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"), 502, ""},
		{"101 with a wrong accept", plain("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAECAwQFBgcICQoLDA0ODxAREhM=\r\n\r\n"), 502, ""},
		{"101 to another protocol", func(r *http.Request) string {
			return strings.Replace(accepted(r), "Upgrade: websocket", "Upgrade: h2c", 1)
		}, 502, ""},
		{"subprotocol that was not offered", func(r *http.Request) string {
			return accepted(r, "Sec-WebSocket-Protocol: chat\r\n")
		}, 502, ""},
		{"extension that was not offered", func(r *http.Request) string {
			return accepted(r, "Sec-WebSocket-Extensions: permessage-deflate\r\n")
		}, 502, ""},
		{"no HTTP", plain("SSH-2.0-OpenSSH_9\r\n\r\n"), 502, ""},
		{"closed without an answer", plain(""), 502, ""},
		{"nothing in time", nil, 504, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			up := newTestScript(t, func(c net.Conn, r *http.Request) {
				if tt.answer != nil {
					io.WriteString(c, tt.answer(r))
					if c.(*net.TCPConn).CloseWrite() != nil {
						return
					}
				}
				untilClosed(c)
			})
			b := newTestBroker(t, fmt.Sprintf("handshake_timeout: 300ms\nupstreams: {main: {endpoints: \"%s\", hold: 0}}\nroutes: [{path: /, upstream: main}]\n", up.url))
			got := exchange(t, b.address, upgradeHead+"GET /smuggled HTTP/1.1\r\nHost: app.example.com\r\n\r\n")
			if got.StatusCode != tt.status || tt.body != "" && got.body != tt.body {
				t.Errorf("answer: got %d %q, want %d %q", got.StatusCode, got.body, tt.status, tt.body)
			}
			got.wantEnd(t)
			if strings.Contains(got.body, up.Addr().String()) {
				t.Errorf("body: got %q, want no internal address", got.body)
			}
			if n := up.connections.Load(); n != 1 {
				t.Errorf("connections to the upstream: got %d, want 1", n)
			}
		})
	}
}

func plain(text string) func(*http.Request) string {
	return func(*http.Request) string { return text }
}

func TestUpstreamThatRefusesConnections(t *testing.T) {
	b := newTestBroker(t, fmt.Sprintf("upstreams: {main: {endpoints: \"http://%s\", hold: 0}}\nroutes: [{path: /, upstream: main}]\n", closedAddress(t)))
	exchange(t, b.address, upgradeHead).wantStatus(t, 502)
	get := "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
	exchange(t, b.address, get).wantStatus(t, 502)
}

// closedAddress returns an address on which nobody listens.
func closedAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	return l.Addr().String()
}
