package proxy_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"usher/proxy/proxyproto"
)

// announced dials with a PROXY header of a client at 192.0.2.1:80 in front.
func announced(t *testing.T, version byte) func(network, address string) (net.Conn, error) {
	t.Helper()
	return func(network, address string) (net.Conn, error) {
		c, err := net.Dial(network, address)
		if err != nil {
			return nil, err
		}
		h, err := proxyproto.Header(version, net.TCPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.1:80")), c.RemoteAddr())
		if err == nil {
			_, err = c.Write(h)
		}
		return c, err
	}
}

// TestProxyProtocol has clients behind a load balancer that speaks it, on
// every kind of listener, and an upstream that wants to hear it.
func TestProxyProtocol(t *testing.T) {
	said := make(chan string, 8)
	up := newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		said <- r.Header.Get("X-Forwarded-For") + " " + r.RemoteAddr
		if websocket.IsWebSocketUpgrade(r) {
			echo(w, r)
		}
	})
	// The upstream's own listener takes the header off, as HAProxy's would.
	front := newTestBroker(t, "listen: {address: '127.0.0.1:0', proxy_protocol: 127.0.0.1}\n"+oneRoute(up.URL))
	dir := t.TempDir()
	b := newTestBrokerIn(t, dir, "listen: [{address: '127.0.0.1:0', proxy_protocol: 127.0.0.0/8}, {address: '127.0.0.1:0', tls: true, proxy_protocol: 127.0.0.0/8}, '127.0.0.1:0']\n"+
		"tls: {internal: true}\nupstreams: {main: {endpoints: 'http://"+front.address+"', send_proxy_protocol: v2}}\nroutes: [{upstream: main}]\n")
	trust := &tls.Config{RootCAs: mustTrust(t, filepath.Join(dir, "certs", "internal", "root.crt"))}
	plain, secure := b.address, b.Addresses()[1].String()
	// Front adds the address of its peer, which it believes to be the client.
	want := "192.0.2.1"
	for _, version := range []byte{1, 2} {
		for _, url := range []string{"ws://" + plain + "/ws", "wss://" + secure + "/ws"} {
			d := &websocket.Dialer{TLSClientConfig: trust, NetDial: announced(t, version)}
			c, _ := dialWith(t, d, url, nil)
			if got := <-said; !strings.HasPrefix(got, want+" ") {
				t.Errorf("v%d, %s: got X-Forwarded-For %q, want %s", version, url, got, want)
			}
			for _, size := range []int{0, 100, 1 << 20} {
				wantEcho(t, c, websocket.BinaryMessage, bytes.Repeat([]byte("a"), size))
			}
		}
		for _, h2 := range []bool{false, true} {
			tr := &http.Transport{TLSClientConfig: trust.Clone(), Dial: announced(t, version), ForceAttemptHTTP2: h2} //nolint:staticcheck // it has no context to heed
			defer tr.CloseIdleConnections()
			resp, err := (&http.Client{Transport: tr}).Get("https://" + secure + "/page")
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if got := <-said; !strings.HasPrefix(got, want+" ") || (resp.ProtoMajor == 2) != h2 {
				t.Errorf("v%d, %s: got X-Forwarded-For %q, want %s", version, resp.Proto, got, want)
			}
		}
	}
	// Two clients must not share a connection that belongs to one.
	for range 2 {
		resp, err := http.Get("http://" + b.Addresses()[2].String() + "/page")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := <-said; !strings.HasPrefix(got, "127.0.0.1 ") {
			t.Errorf("an ordinary client: got X-Forwarded-For %q, want its own address", got)
		}
	}
}

// TestProxyProtocolAttacks is attack 30.
func TestProxyProtocolAttacks(t *testing.T) {
	up := newTestBackend(t, func(http.ResponseWriter, *http.Request) {})
	b := newTestBroker(t, "listen: [{address: '127.0.0.1:0', proxy_protocol: 127.0.0.1}, {address: '127.0.0.1:0', proxy_protocol: 192.0.2.0/24}]\nhandshake_timeout: 500ms\n"+oneRoute(up.URL))
	get := "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
	for name, tt := range map[string]struct{ address, sent, want string }{
		"none sent":            {b.address, get, ""},
		"half of one":          {b.address, "PROXY TCP4 1.2.3.4", ""},
		"details that overrun": {b.address, "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0f\xc0\x00\x02\x01\xc0\x00\x02\x02\x00\x50\x00\x51\x04\xff\xff" + get, ""},
		"twice":                {b.address, "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\nPROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n" + get, "HTTP/1.1 400 "},
		"from a stranger":      {b.Addresses()[1].String(), "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n" + get, "HTTP/1.1 400 "},
		"by HTTP":              {b.Addresses()[1].String(), "\r\n\r\n\x00\r\nQUIT\n" + get, "HTTP/1.1 400 "},
	} {
		t.Run(name, func(t *testing.T) {
			c := dialRaw(t, tt.address)
			fmt.Fprint(c, tt.sent)
			got, err := io.ReadAll(c)
			if tt.want == "" && len(got) > 0 || !strings.HasPrefix(string(got), tt.want) {
				t.Errorf("answer: got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
	if n := up.requests.Load(); n != 0 {
		t.Errorf("requests to the upstream: got %d, want 0", n)
	}
	exchange(t, b.Addresses()[1].String(), get)
	if n := up.requests.Load(); n != 1 {
		t.Errorf("requests to the upstream: got %d, want 1 of an ordinary client", n)
	}
}
