package proxy_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"usher/proxy/config"
)

// newTestCertificate writes a certificate for 127.0.0.1 and its key, and
// returns a pool that trusts it.
func newTestCertificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	return writeTestCertificate(t, dir, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	})
}

func writeTestCertificate(t *testing.T, dir string, template *x509.Certificate) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: pkcs8},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return pool
}

// newTestTLSBroker runs a broker with a TLS listener and returns what a client
// needs to trust it.
func newTestTLSBroker(t *testing.T, upstream string) (*broker, *tls.Config) {
	t.Helper()
	return newTestTLSBrokerOf(t, "handshake_timeout: 500ms\n"+oneRoute(upstream))
}

func newTestTLSBrokerOf(t *testing.T, routes string) (*broker, *tls.Config) {
	t.Helper()
	dir := t.TempDir()
	pool := newTestCertificate(t, dir)
	text := "listen: {address: 127.0.0.1:0, tls: true}\n" +
		"tls: {certificates: [{cert: cert.pem, key: key.pem}]}\n" + routes
	file := filepath.Join(dir, "routes.yaml")
	cfg, err := config.Parse(file, []byte(text), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	return runTestBroker(t, cfg), &tls.Config{RootCAs: pool}
}

func TestTLSListener(t *testing.T) {
	protos := make(chan string, 1)
	up := newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		protos <- r.Header.Get("X-Forwarded-Proto")
		if websocket.IsWebSocketUpgrade(r) {
			echo(w, r)
		}
	})
	b, trust := newTestTLSBroker(t, up.URL)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			cfg := trust.Clone()
			cfg.MaxVersion = version
			c, _ := dialWith(t, &websocket.Dialer{TLSClientConfig: cfg}, "wss://"+b.address+"/ws", nil)
			if got := <-protos; got != "https" {
				t.Errorf("X-Forwarded-Proto of an upgrade: got %q, want https", got)
			}
			for _, size := range []int{0, 100, 16 << 10, 1 << 20} {
				wantEcho(t, c, websocket.TextMessage, bytes.Repeat([]byte("a"), size))
			}
			tr := &http.Transport{TLSClientConfig: cfg}
			defer tr.CloseIdleConnections()
			resp, err := (&http.Client{Transport: tr}).Get("https://" + b.address + "/")
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if got := <-protos; got != "https" {
				t.Errorf("X-Forwarded-Proto of a plain request: got %q, want https", got)
			}
		})
	}
}

// A client of TLS 1.2 that has nothing but CBC is refused.
func TestOldSuites(t *testing.T) {
	b, trust := newTestTLSBroker(t, "http://127.0.0.1:1")
	for suite, want := range map[uint16]bool{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256:       true,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384:       true,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: true,
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA:          false,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA:          false,
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256:       false,
	} {
		cfg := trust.Clone()
		cfg.MaxVersion, cfg.CipherSuites = tls.VersionTLS12, []uint16{suite}
		c, err := tls.Dial("tcp", b.address, cfg)
		if err == nil {
			c.Close()
		}
		if (err == nil) != want {
			t.Errorf("%s: got %v, want a connection: %t", tls.CipherSuiteName(suite), err, want)
		}
	}
}

// TestTLSUpstream has both relays speak to an https endpoint.
func TestTLSUpstream(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the system's roots cannot be replaced here")
	}
	up := httptest.NewTLSServer(http.HandlerFunc(echo))
	t.Cleanup(up.Close)
	for name, text := range relays(up.URL) {
		t.Run(name, func(t *testing.T) {
			b := newTestBroker(t, text)
			c, _ := b.dial(t, "/ws", nil)
			for _, size := range []int{0, 100, 16 << 10, 1 << 20} {
				wantEcho(t, c, websocket.BinaryMessage, bytes.Repeat([]byte("a"), size))
			}
		})
	}
}

func TestPlainHTTPOnATLSPort(t *testing.T) {
	b, _ := newTestTLSBroker(t, "http://127.0.0.1:1")
	got := exchange(t, b.address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if got.StatusCode != 400 {
		t.Errorf("status: got %s, want 400", got.Status)
	}
	got.wantEnd(t)
}

// TestSlowHandshakes has clients that stop in the middle of each phase (attack
// 14): each is closed at its deadline.
func TestSlowHandshakes(t *testing.T) {
	b, trust := newTestTLSBroker(t, "http://127.0.0.1:1")
	for name, begin := range map[string]func(c net.Conn){
		"nothing":                 func(net.Conn) {},
		"a part of the TLS hello": func(c net.Conn) { c.Write([]byte{22, 3, 1, 2, 0, 1, 0}) },
		"a part of the head": func(c net.Conn) {
			cfg := trust.Clone()
			cfg.ServerName = "127.0.0.1"
			fmt.Fprint(tls.Client(c, cfg), "GET / HTTP/1.1\r\nHost: ")
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := dialRaw(t, b.address)
			began := time.Now()
			begin(c)
			if _, err := io.Copy(io.Discard, c); err != nil {
				t.Errorf("read: got %v, want the end", err)
			}
			if took := time.Since(began); took > 4*time.Second {
				t.Errorf("closed after %v, want about a second", took)
			}
		})
	}
}

func TestSlowHeadIsAnswered(t *testing.T) {
	b := newTestBroker(t, "handshake_timeout: 300ms\n"+oneRoute("http://127.0.0.1:1"))
	got := exchange(t, b.address, "GET / HTTP/1.1\r\nHost: ")
	got.wantStatus(t, 408)
	got.wantEnd(t)
}

func TestMissingCertificate(t *testing.T) {
	dir := t.TempDir()
	text := "listen: {address: 127.0.0.1:0, tls: true}\ntls:\n  certificates:\n    - {cert: none.pem, key: none.pem}\n" + oneRoute("http://127.0.0.1:1")
	cfg, err := config.Parse(filepath.Join(dir, "routes.yaml"), []byte(text), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	wantNewError(t, cfg, "routes.yaml:4:14: cert: open ")
	wantNewError(t, cfg, "routes.yaml:4:29: key: open ")
}
