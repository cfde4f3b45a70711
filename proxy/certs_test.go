package proxy_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"usher/proxy/config"
)

// newTestBrokerIn runs a broker whose routes file stands in dir.
func newTestBrokerIn(t *testing.T, dir, text string) *broker {
	t.Helper()
	cfg, err := config.Parse(filepath.Join(dir, "routes.yaml"), []byte(text), os.LookupEnv)
	if err != nil {
		t.Fatalf("routes file: %v\n%s", err, text)
	}
	return runTestBroker(t, cfg)
}

// mustTrust returns a pool with the certificates of a PEM file.
func mustTrust(t *testing.T, file string) *x509.CertPool {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		t.Fatalf("%s: no certificate", file)
	}
	return pool
}

// TestInternalCertificates has clients with nothing but the local authority's
// certificate.
func TestInternalCertificates(t *testing.T) {
	up := newTestBackend(t, echo)
	dir := t.TempDir()
	b := newTestBrokerIn(t, dir, "listen: {address: 127.0.0.1:0, tls: true}\ntls: {internal: true, domains: app.test}\n"+oneRoute(up.URL))
	trust := mustTrust(t, filepath.Join(dir, "certs", "internal", "root.crt"))
	for _, name := range []string{"app.test", "localhost", "127.0.0.1"} {
		d := &websocket.Dialer{TLSClientConfig: &tls.Config{RootCAs: trust, ServerName: name}}
		c, _ := dialWith(t, d, "wss://"+b.address+"/ws", nil)
		wantEcho(t, c, websocket.TextMessage, []byte(name))
	}
	_, err := tls.Dial("tcp", b.address, &tls.Config{RootCAs: trust, ServerName: "other.test"})
	if err == nil || !strings.Contains(err.Error(), "remote error") {
		t.Errorf("other.test: got %v, want a refusal", err)
	}
}

// TestCertificatesChangeUnderOpenSockets replaces the files of a listener with
// a thousand sockets on it: none notices, and new ones see the new certificate.
func TestCertificatesChangeUnderOpenSockets(t *testing.T) {
	sockets := 1000
	if testing.Short() {
		sockets = 50
	}
	up := newTestBackend(t, echo)
	dir := t.TempDir()
	first := newTestCertificate(t, dir)
	b := newTestBrokerIn(t, dir, "listen: {address: 127.0.0.1:0, tls: true}\ntls: {certificates: [{cert: cert.pem, key: key.pem}]}\n"+oneRoute(up.URL))
	open := make([]*websocket.Conn, sockets)
	d := &websocket.Dialer{TLSClientConfig: &tls.Config{RootCAs: first}, ReadBufferSize: 512, WriteBufferSize: 512}
	for i := range open {
		open[i], _ = dialWith(t, d, "wss://"+b.address+"/ws", http.Header{})
	}
	second := newTestCertificate(t, dir)
	trusted := func() bool {
		c, err := tls.Dial("tcp", b.address, &tls.Config{RootCAs: second})
		if err != nil {
			return false
		}
		c.Close()
		return true
	}
	wantSoon(t, "the new certificate is shown", true, trusted)
	for _, c := range open {
		c.SetReadDeadline(time.Now().Add(patience))
		c.SetWriteDeadline(time.Now().Add(patience))
		wantEcho(t, c, websocket.BinaryMessage, []byte("still here"))
	}
	b.wantSessions(t, sockets)
}
