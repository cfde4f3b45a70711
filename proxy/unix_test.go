//go:build unix

package proxy_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/gorilla/websocket"

	"usher/proxy/proxyproto"
)

// byUnix dials the socket at path, whatever address a URL has.
func byUnix(path string) func(network, address string) (net.Conn, error) {
	return func(string, string) (net.Conn, error) { return net.Dial("unix", path) }
}

// dialUnix opens a WebSocket by the socket at path.
func dialUnix(t *testing.T, path, url string, head http.Header) *websocket.Conn {
	t.Helper()
	c, _ := dialWith(t, &websocket.Dialer{NetDial: byUnix(path), TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, url, head)
	return c
}

func wantSocketFile(t *testing.T, path string, want bool) {
	t.Helper()
	if info, err := os.Lstat(path); (err == nil) != want {
		t.Errorf("file of the socket: got %v, %v; want it there: %v", info, err, want)
	}
}

// TestUnixListener has both relays and TLS over unix sockets.
func TestUnixListener(t *testing.T) {
	up := newTestBackend(t, echo)
	dir := t.TempDir()
	plain, secure := filepath.Join(dir, "plain"), filepath.Join(dir, "secure")
	for name, text := range relays(up.URL) {
		t.Run(name, func(t *testing.T) {
			b := newTestBrokerIn(t, dir, fmt.Sprintf("listen: [{address: 'unix:%s', mode: 0600}, {address: 'unix:%s', tls: true}]\ntls: {internal: true}\n%s", plain, secure, text))
			if info, err := os.Lstat(plain); err != nil || info.Mode() != fs.ModeSocket|0o600 {
				t.Errorf("mode: got %v, %v; want 0600", info.Mode(), err)
			}
			for _, c := range []*websocket.Conn{
				dialUnix(t, plain, "ws://app.test/ws", http.Header{"Origin": {"http://app.test"}}),
				dialUnix(t, secure, "wss://localhost/ws", nil),
			} {
				for _, size := range []int{0, 1, 126, 65535, 1 << 20} { // the last is spliced
					payload := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
					wantEcho(t, c, websocket.TextMessage, payload)
					wantEcho(t, c, websocket.BinaryMessage, payload)
				}
				c.Close()
			}
			open := dialUnix(t, plain, "ws://app.test/ws", nil)
			b.stop()
			wantClosed(t, open, websocket.CloseServiceRestart)
			b.wantStop(t, patience)
			wantSocketFile(t, plain, false)
			wantSocketFile(t, secure, false)
		})
	}
}

// TestUnixClients has the three ways in which a client's address is known, or
// is not.
func TestUnixClients(t *testing.T) {
	said := make(chan string, 1)
	up := newTestBackend(t, func(_ http.ResponseWriter, r *http.Request) {
		said <- fmt.Sprintf("%s, host %s, peer %s", r.Header.Get("X-Real-IP"), r.Host, r.Header.Get("X-Forwarded-For"))
	})
	path := filepath.Join(t.TempDir(), "s")
	b := newTestBroker(t, "listen: 'unix:"+path+"'\n"+oneRoute(up.URL))
	ask := func(want string, before []byte) {
		t.Helper()
		tr := &http.Transport{Dial: func(network, address string) (net.Conn, error) { //nolint:staticcheck // it has no context to heed
			c, err := net.Dial("unix", path)
			if err == nil {
				_, err = c.Write(before)
			}
			return c, err
		}}
		defer tr.CloseIdleConnections()
		r, _ := http.NewRequest(http.MethodGet, "http://app.test/", http.NoBody)
		r.Header.Set("X-Forwarded-For", "192.0.2.7")
		resp, err := tr.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := <-said; got != want {
			t.Errorf("client: got %q, want %q", got, want)
		}
	}
	ask("unknown, host app.test, peer unknown", nil)
	b.reload(t, "listen: 'unix:"+path+"'\ntrusted_proxies: [unix]\n"+oneRoute(up.URL))
	ask("192.0.2.7, host app.test, peer 192.0.2.7, unknown", nil)
	b.reload(t, "listen: {address: 'unix:"+path+"', proxy_protocol: [unix]}\n"+oneRoute(up.URL))
	at := net.TCPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.1:80"))
	head, err := proxyproto.Header(2, at, at)
	if err != nil {
		t.Fatal(err)
	}
	ask("192.0.2.1, host app.test, peer 192.0.2.1", head)

	// Whoever is told of the client hears of it too, by the PROXY protocol.
	front := newTestBroker(t, "listen: {address: '127.0.0.1:0', proxy_protocol: 127.0.0.1}\n"+oneRoute(up.URL))
	b.reload(t, "listen: 'unix:"+path+"'\ntrusted_proxies: [unix]\nupstreams: {main: {endpoints: 'http://"+front.address+
		"', send_proxy_protocol: v2}}\nroutes: [{upstream: main}]\n")
	ask("192.0.2.7, host app.test, peer 192.0.2.7", nil)
}

// TestReloadUnixListener adds a socket, changes its mode and takes it away.
func TestReloadUnixListener(t *testing.T) {
	up := newTestBackend(t, echo)
	path := filepath.Join(t.TempDir(), "s")
	b := newTestBroker(t, oneRoute(up.URL))
	both := "listen: ['127.0.0.1:0', {address: 'unix:" + path + "', mode: %s}]\n" + oneRoute(up.URL)
	b.reload(t, fmt.Sprintf(both, "0660"))
	c := dialUnix(t, path, "ws://app.test/ws", nil)
	wantEcho(t, c, websocket.TextMessage, []byte("hello"))
	b.reload(t, fmt.Sprintf(both, "0600"))
	if info, err := os.Lstat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode: got %v, %v; want 0600", info.Mode(), err)
	}
	b.reload(t, oneRoute(up.URL))
	wantSocketFile(t, path, false)
	wantEcho(t, c, websocket.TextMessage, []byte("still here"))
}

// TestUnixSocketTaken must not take a socket from who answers on it.
func TestUnixSocketTaken(t *testing.T) {
	up := newTestBackend(t, echo)
	path := filepath.Join(t.TempDir(), "s")
	text := "listen: 'unix:" + path + "'\n" + oneRoute(up.URL)
	newTestBroker(t, text)
	wantNewError(t, mustParse(t, text), "routes.yaml:1:9: listen unix "+path+": address already in use")
	wantEcho(t, dialUnix(t, path, "ws://app.test/ws", nil), websocket.TextMessage, []byte("hello"))
}
