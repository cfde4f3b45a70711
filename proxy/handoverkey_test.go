package proxy_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"usher/proxy/config"
)

// strayRecord is one that is ignored by crypto/tls at any time, and not behind a
// handshake by usher's own records (RFC 8446, 5). It shows who has a connection.
const strayRecord = "\x14\x03\x03\x00\x01\x01"

// strayClient is a client of HTTP/1.1 over TLS 1.3.
type strayClient struct {
	*tls.Conn
	read *bufio.Reader
}

func newStrayClient(t *testing.T, b *broker, config *tls.Config) strayClient {
	t.Helper()
	c, err := tls.Dial("tcp", b.address, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return strayClient{c, bufio.NewReader(c)}
}

func (c strayClient) get() error {
	if _, err := c.Write([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n")); err != nil {
		return err
	}
	resp, err := http.ReadResponse(c.read, nil)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// wantStray fails unless a stray record is ignored, or refused.
func (c strayClient) wantStray(t *testing.T, why string, ignored bool) {
	t.Helper()
	if err := c.get(); err != nil {
		t.Fatalf("%s: %v", why, err)
	}
	if _, err := c.NetConn().Write([]byte(strayRecord)); err != nil {
		t.Fatal(err)
	}
	err := c.get()
	refused := err != nil && strings.Contains(err.Error(), "unexpected message")
	if ignored && err != nil || !ignored && !refused {
		t.Errorf("%s: got %v, want a stray record ignored: %t", why, err, ignored)
	}
}

// handover says who protects the records of clients' connections that come from
// then on.
func TestHandoverKey(t *testing.T) {
	up := newTestBackend(t, echo)
	dir := t.TempDir()
	trust := newTestCertificate(t, dir)
	text := func(key string) string {
		return "listen: {address: 127.0.0.1:0, tls: true}\ntls: {certificates: [{cert: cert.pem, key: key.pem}]" + key + "}\n" + oneRoute(up.URL)
	}
	b := newTestBrokerIn(t, dir, text(""))
	client := &tls.Config{RootCAs: trust, ClientSessionCache: tls.NewLRUClientSessionCache(1), MinVersion: tls.VersionTLS13}
	newStrayClient(t, b, client).wantStray(t, "by default", false)
	for _, step := range []struct {
		key     string
		ignored bool
	}{{", handover: false", true}, {", handover: true", false}, {", handover: false", true}, {"", false}} {
		before := newStrayClient(t, b, client)
		if err := before.get(); err != nil {
			t.Fatal(err)
		}
		cfg, err := config.Parse(filepath.Join(dir, "routes.yaml"), []byte(text(step.key)), os.LookupEnv)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Reload(cfg); err != nil {
			t.Fatal(err)
		}
		before.wantStray(t, "from before"+step.key, !step.ignored)
		after := newStrayClient(t, b, client)
		if !after.ConnectionState().DidResume {
			t.Errorf("%q: got a reload that has lost the session tickets", step.key)
		}
		after.wantStray(t, "after"+step.key, step.ignored)
	}
}

// The same for connections to https upstreams that become legs; what those learn
// of TLS sessions before they do is used again.
func TestHandoverKeyOfUpstreams(t *testing.T) {
	dir := t.TempDir()
	newTestCertificate(t, dir)
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	resumed := make(chan bool, 8)
	up := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		resumed <- r.TLS.DidResume
		c, err := new(websocket.Upgrader).Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer c.Close()
		for {
			kind, p, err := c.ReadMessage()
			if err != nil {
				return
			}
			if string(p) == "stray" {
				c.UnderlyingConn().(*tls.Conn).NetConn().Write([]byte(strayRecord))
			}
			c.WriteMessage(kind, p)
		}
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		up.Serve(tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13}))
	}()
	t.Cleanup(func() { up.Close(); <-done })
	text := func(key string) string {
		return "listen: 127.0.0.1:0\n" + key + "upstreams: {main: {endpoints: 'https://" + l.Addr().String() + "', ca: cert.pem}}\nroutes: [{upstream: main}]\n"
	}
	b := newTestBrokerIn(t, dir, text(""))
	for _, ignored := range []bool{false, true, false} {
		key := map[bool]string{true: "tls: {handover: false}\n"}[ignored]
		cfg, err := config.Parse(filepath.Join(dir, "routes.yaml"), []byte(text(key)), os.LookupEnv)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Reload(cfg); err != nil {
			t.Fatal(err)
		}
		var c *websocket.Conn
		for i := range 2 {
			c, _ = b.dial(t, "/ws", nil)
			wantEcho(t, c, websocket.TextMessage, []byte("hello"))
			if got := <-resumed; got != (i > 0) { // a reload begins anew
				t.Errorf("%q, connection %d: got its session resumed: %t", key, i, got)
			}
		}
		c.WriteMessage(websocket.TextMessage, []byte("stray"))
		_, p, err := c.ReadMessage()
		if ignored && (err != nil || string(p) != "stray") || !ignored && !websocket.IsCloseError(err, 1011) {
			t.Errorf("%q: got %q, %v, want a stray record ignored: %t", key, p, err, ignored)
		}
	}
}
