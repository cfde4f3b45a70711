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

// TestInternalCertificatesForRoutes has a local authority that was told of no
// domains: the hosts of the routes are what it issues for.
func TestInternalCertificatesForRoutes(t *testing.T) {
	up := newTestBackend(t, echo)
	dir := t.TempDir()
	text := func(tls string, hosts ...string) string {
		var text strings.Builder
		text.WriteString("listen: [{address: '127.0.0.1:0', tls: true, proxy_protocol: 10.0.0.0/8}, '127.0.0.1:0']\ntls: {internal: true" + tls + "}\nupstreams: {main: " + up.URL + "}\nroutes:\n")
		for _, host := range hosts {
			text.WriteString(" - {upstream: main, host: '" + host + "'}\n")
		}
		return text.String()
	}
	b := newTestBrokerIn(t, dir, text("", "example.com", "*.dev.test"))
	trust := mustTrust(t, filepath.Join(dir, "certs", "internal", "root.crt"))
	wantServed := func(name string, want bool) {
		t.Helper()
		c, err := tls.Dial("tcp", b.address, &tls.Config{RootCAs: trust, ServerName: name})
		if err == nil {
			c.Close()
		}
		if (err == nil) != want {
			t.Errorf("certificate for %s: got %v, want one: %t", name, err, want)
		}
	}
	for name, want := range map[string]bool{"example.com": true, "a.dev.test": true, "localhost": true, "dev.test": false, "other.test": false} {
		wantServed(name, want)
	}
	wantLine := func(message string, i int, key string, want any) {
		t.Helper()
		wantSoon(t, message+" "+key, want, func() any {
			if lines := b.log.lines(t, message); len(lines) > i {
				return lines[i][key]
			}
			return nil
		})
	}
	wantLine("listening", 0, "does", "serves the routes")
	wantLine("listening", 0, "certificates_for", "example.com, *.dev.test, localhost, 127.0.0.1, ::1")
	wantLine("listening", 0, "proxy_protocol_from", "10.0.0.0/8")
	wantLine("listening", 1, "does", "serves the routes")
	wantLine("listening", 1, "certificates_for", nil)

	reload := func(text string) {
		t.Helper()
		cfg, err := config.Parse(filepath.Join(dir, "routes.yaml"), []byte(text), os.LookupEnv)
		if err == nil {
			err = b.Reload(cfg)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	reload(text("", "other.test"))
	wantServed("other.test", true)
	wantServed("example.com", false)
	wantLine("listening otherwise", 0, "certificates_for", "other.test, localhost, 127.0.0.1, ::1")
	reload(text(", domains: example.com", "other.test"))
	wantServed("example.com", true)
	wantLine("listening otherwise", 1, "certificates_for", "example.com, other.test, localhost, 127.0.0.1, ::1")
	wantLine("listening otherwise", 2, "does", "leads to https")
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
