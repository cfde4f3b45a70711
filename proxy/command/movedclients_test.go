//go:build linux && !portable

package command_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestUpgradeMovesClients has clients that ask for nothing, or have said half of
// what they ask for: they go on with the next process, and the one before has ended.
func TestUpgradeMovesClients(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Header.Get("X-Forwarded-For")) }))
	t.Cleanup(up.Close)
	text := upgradeRoutes("[127.0.0.1:0, {address: '127.0.0.2:0', proxy_protocol: [127.0.0.0/8]}]", up.URL)
	g := newTestGenerations(t, text)
	g.wantLines(t, "listening", 2)
	addresses := []string{g.linesOf("listening")[0]["address"].(string), g.linesOf("listening")[1]["address"].(string)}
	const get, proxy = "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "PROXY TCP4 192.0.2.7 192.0.2.8 1000 80\r\n"
	clients := []*halfClient{
		{said: "", rest: get, of: "127.0.0.1"},
		{said: get[:10], rest: get[10:], of: "127.0.0.1"},
		{said: get, rest: get, of: "127.0.0.1"}, // kept alive
		{said: "", rest: proxy + get, of: "192.0.2.7", proxied: 1},
		{said: proxy[:20], rest: proxy[20:] + get, of: "192.0.2.7", proxied: 1},
		{said: proxy, rest: get, of: "192.0.2.7", proxied: 1},
		{said: proxy + get[:20], rest: get[20:], of: "192.0.2.7", proxied: 1},
		{said: proxy + get, rest: get, of: "192.0.2.7", proxied: 1},
	}
	for _, c := range clients {
		conn, err := net.Dial("tcp", addresses[c.proxied])
		if err != nil {
			t.Fatal(err)
		}
		c.begin(t, conn)
	}
	for n := range 3 {
		g.upgrade(t, n+1)
		g.wantLines(t, "stopped", n+1)
	}
	for _, c := range clients {
		io.WriteString(c.conn, c.rest)
		c.wantAnswer(t)
		io.WriteString(c.conn, get)
		c.wantAnswer(t)
	}
}

// TestUpgradeMovesTLSClients has one that is kept alive, one that has said half of
// its hello, and one half of its head.
func TestUpgradeMovesTLSClients(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Header.Get("X-Forwarded-Proto")) }))
	t.Cleanup(up.Close)
	g := newTestGenerations(t, "tls: {internal: true}\n"+upgradeRoutes("{address: '127.0.0.1:0', tls: true}", up.URL))
	address := g.wantLines(t, "listening", 1)["address"].(string)
	const get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	clients := []*halfClient{
		{said: "", rest: get, of: "https"},
		{said: get[:10], rest: get[10:], of: "https"},
		{said: get, rest: get, of: "https"},
	}
	for _, c := range clients {
		conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
		if err != nil {
			t.Fatal(err)
		}
		c.begin(t, conn)
	}
	raw, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	half := &halfHello{Conn: raw, half: make(chan struct{}), rest: make(chan struct{})}
	late := &halfClient{rest: get, of: "https"}
	handshake := make(chan error, 1)
	conn := tls.Client(half, &tls.Config{InsecureSkipVerify: true})
	go func() { handshake <- conn.Handshake() }()
	<-half.half
	for n := range 3 {
		g.upgrade(t, n+1)
		g.wantLines(t, "stopped", n+1)
	}
	close(half.rest)
	if err := <-handshake; err != nil {
		t.Fatalf("a hello of which half had been said: %v", err)
	}
	late.begin(t, conn)
	for _, c := range append(clients, late) {
		io.WriteString(c.conn, c.rest)
		c.wantAnswer(t)
		io.WriteString(c.conn, get)
		c.wantAnswer(t)
	}
}

// halfHello writes the first half of the first write, and the rest when it may.
type halfHello struct {
	net.Conn
	half, rest chan struct{}
	once       sync.Once
}

func (h *halfHello) Write(p []byte) (n int, err error) {
	first := false
	h.once.Do(func() { first = true })
	if !first {
		return h.Conn.Write(p)
	}
	h.Conn.Write(p[:len(p)/2])
	close(h.half)
	<-h.rest
	_, err = h.Conn.Write(p[len(p)/2:])
	return len(p), err
}

// halfClient has said something, and has more to say.
type halfClient struct {
	said, rest string
	of         string // whom it speaks for
	proxied    int
	conn       net.Conn
	in         *bufio.Reader
}

// begin says what is to be said before the upgrades.
func (c *halfClient) begin(t *testing.T, conn net.Conn) {
	t.Helper()
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(6 * patience))
	c.conn, c.in = conn, bufio.NewReader(conn)
	if io.WriteString(conn, c.said); strings.HasSuffix(c.said, "\r\n\r\n") {
		c.wantAnswer(t)
	}
}

func (c *halfClient) wantAnswer(t *testing.T) {
	t.Helper()
	r, err := http.ReadResponse(c.in, nil)
	if err != nil {
		t.Errorf("client that had said %q: %v", c.said, err)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != 200 || string(body) != c.of {
		t.Errorf("client that had said %q: got %d %q, %v; want it served for %s", c.said, r.StatusCode, body, err, c.of)
	}
}
