package proxy_test

import (
	"crypto/tls"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/gorilla/websocket"

	"usher/proxy/config"
)

// TestClientCA has a listener that wants to see certificates beside one that
// does not.
func TestClientCA(t *testing.T) {
	seen := make(chan []string, 1)
	up := newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		seen <- append(r.Header["X-Client-Subject"], r.Header["X_client_subject"]...)
		if websocket.IsWebSocketUpgrade(r) {
			echo(w, r)
		}
	})
	dir, other := t.TempDir(), t.TempDir()
	newTestCertificate(t, dir)
	newTestCertificate(t, other)
	b := newTestBrokerIn(t, dir, "listen: [{address: '127.0.0.1:0', tls: true, client_ca: cert.pem}, {address: '127.0.0.1:0', tls: true}]\n"+
		"tls: {internal: true}\n"+oneRoute(up.URL))
	routesDir := dir
	with := func(dir string) *tls.Config {
		c := &tls.Config{RootCAs: mustTrust(t, filepath.Join(routesDir, "certs", "internal", "root.crt"))}
		if dir == "" {
			return c
		}
		pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
		if err != nil {
			t.Fatal(err)
		}
		// Shown even if the server would not take it.
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
		return c
	}
	lie := http.Header{"X-Client-Subject": {"CN=root"}, "X_Client_Subject": {"CN=root"}}
	secure, open := b.address, b.Addresses()[1].String()
	c, _ := dialWith(t, &websocket.Dialer{TLSClientConfig: with(dir)}, "wss://"+secure+"/ws", lie)
	if got := <-seen; len(got) != 1 || got[0] != "CN=test" {
		t.Errorf("subject: got %q, want CN=test alone", got)
	}
	wantEcho(t, c, websocket.TextMessage, []byte("hello"))
	h2 := newTestH2Client(t, with(dir))
	wantH2(t, h2, mustRequest(t, "GET", "https://"+secure+"/page", nil), 200)
	if got := <-seen; len(got) != 1 || got[0] != "CN=test" {
		t.Errorf("subject by HTTP/2: got %q, want CN=test alone", got)
	}
	for name, cfg := range map[string]*tls.Config{"none": with(""), "of another authority": with(other)} {
		d := &websocket.Dialer{TLSClientConfig: cfg}
		if c, _, err := d.Dial("wss://"+secure+"/ws", nil); err == nil {
			c.Close()
			t.Errorf("a client with a certificate %s: let in", name)
		}
	}
	dialWith(t, &websocket.Dialer{TLSClientConfig: with(dir)}, "wss://"+open+"/ws", lie)
	if got := <-seen; len(got) != 0 {
		t.Errorf("subject where none is asked for: got %q, want none", got)
	}
	if n := up.requests.Load(); n != 3 {
		t.Errorf("requests to the upstream: got %d, want 3", n)
	}
}

func TestMissingClientCA(t *testing.T) {
	dir := t.TempDir()
	cfg, err := config.Parse(filepath.Join(dir, "routes.yaml"),
		[]byte("listen:\n  - {address: '127.0.0.1:0', tls: true, client_ca: none.pem}\ntls: {internal: true}\n"+oneRoute("http://127.0.0.1:1")), nil)
	if err != nil {
		t.Fatal(err)
	}
	wantNewError(t, cfg, "routes.yaml:2:52: client_ca: open ")
}
