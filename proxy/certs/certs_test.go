package certs_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/proxy/certs"
	"usher/proxy/config"
	"usher/proxy/waittest"
)

// writeTestPair writes a certificate for name, or for none if it is "", and its
// key into dir.
func writeTestPair(t *testing.T, dir, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: strings.Fields(name), NotAfter: time.Now().AddDate(0, 1, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, filepath.Join(dir, "cert.pem"), "CERTIFICATE", der)
	writePEM(t, filepath.Join(dir, "key.pem"), "PRIVATE KEY", pkcs8)
}

// writePEM replaces a file by a rename.
func writePEM(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	if err := os.WriteFile(file+".new", text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

func newTestFiles(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	writeTestPair(t, dir, "app.example.com")
	return dir
}

func routes(dir string, t config.TLS) *config.Config {
	t.Storage = "certs"
	return &config.Config{
		File:   filepath.Join(dir, "routes.yaml"),
		Listen: []config.Listener{{Address: "127.0.0.1:0"}, {Address: "127.0.0.1:0", TLS: true}},
		TLS:    t,
	}
}

func ownFiles(list ...config.Certificate) config.TLS { return config.TLS{Certificates: list} }

func mustOpen(t *testing.T, cfg *config.Config, log *slog.Logger) *certs.Keeper {
	t.Helper()
	k, err := certs.Open(cfg, log)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return k
}

// start has k keep its certificates fresh until the test ends.
func start(t *testing.T, k *certs.Keeper) {
	t.Helper()
	if err := k.Start(nil, nil); err != nil {
		t.Fatalf("Start: %v", err)
	}
	t.Cleanup(k.Stop)
}

// hello makes a handshake over a pipe and returns the certificate that the
// client was shown.
func hello(t *testing.T, server *tls.Config, client *tls.Config) (*x509.Certificate, error) {
	t.Helper()
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	failed := make(chan error, 1)
	go func() { failed <- tls.Server(a, server).Handshake() }()
	c := tls.Client(b, client)
	err := c.Handshake()
	b.Close()
	if e := <-failed; e != nil && !errors.Is(e, io.EOF) && err != nil {
		err = e
	}
	if err != nil {
		return nil, err
	}
	return c.ConnectionState().PeerCertificates[0], nil
}

// shown is the first name of the certificate for a server name, or the error.
func shown(t *testing.T, k *certs.Keeper, name string) string {
	t.Helper()
	c, err := hello(t, k.Config(config.Listener{}), &tls.Config{ServerName: name, InsecureSkipVerify: true})
	if err != nil {
		return err.Error()
	}
	return c.DNSNames[0]
}

func TestOpen(t *testing.T) {
	dir := newTestFiles(t)
	for name, files := range map[string]config.Certificate{
		"beside the routes file": {Cert: "cert.pem", Key: "key.pem"},
		"by absolute names":      {Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")},
	} {
		t.Run(name, func(t *testing.T) {
			k := mustOpen(t, routes(dir, ownFiles(files)), slog.New(slog.DiscardHandler))
			c := k.Config(config.Listener{})
			if c.MinVersion != tls.VersionTLS12 || !c.DynamicRecordSizingDisabled {
				t.Errorf("config: got version %x, dynamic records %v; want TLS 1.2, off", c.MinVersion, !c.DynamicRecordSizingDisabled)
			}
			for _, name := range []string{"app.example.com", "other.example.com", ""} {
				if got := shown(t, k, name); got != "app.example.com" {
					t.Errorf("certificate for %q: got %s, want the one there is", name, got)
				}
			}
		})
	}
}

func TestOpenWithoutATLSListener(t *testing.T) {
	cfg := routes(t.TempDir(), config.TLS{Internal: true})
	cfg.Listen = cfg.Listen[:1]
	k, err := certs.Open(cfg, slog.New(slog.DiscardHandler))
	if k != nil || err != nil {
		t.Errorf("Open: got %v, %v; want nothing", k, err)
	}
}

func TestOpenErrors(t *testing.T) {
	dir := newTestFiles(t)
	writePEM(t, filepath.Join(dir, "open.pem"), "PRIVATE KEY", nil)
	text, err := os.ReadFile(filepath.Join(dir, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "open.pem"), text, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "open.pem"), 0o644); err != nil {
		t.Fatal(err)
	}
	at := config.Position{Line: 7, Column: 5}
	for _, tt := range []struct{ cert, key, want string }{
		{"none.pem", "key.pem", `routes.yaml:7:5: certificate "none.pem": open `},
		{"key.pem", "key.pem", `routes.yaml:7:5: certificate "key.pem": tls: `},
		{"cert.pem", "open.pem", `routes.yaml:7:5: certificate "cert.pem": private key "` + dir + `/open.pem" is open to every user of this machine (mode 0644)`},
	} {
		_, err := certs.Open(routes(dir, ownFiles(config.Certificate{Position: at, Cert: tt.cert, Key: tt.key})), slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Open: got %v, want %q in it", err, tt.want)
		}
	}
}

// syncBuffer keeps what is logged.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func wantSoon(t *testing.T, what string, done func() bool) {
	t.Helper()
	waittest.Until(t, what, done)
}

func TestFilesAreReadAgain(t *testing.T) {
	dir := newTestFiles(t)
	log := &syncBuffer{}
	k := mustOpen(t, routes(dir, ownFiles(config.Certificate{Cert: "cert.pem", Key: "key.pem"})), slog.New(slog.NewTextHandler(log, nil)))
	start(t, k)
	writeTestPair(t, dir, "new.example.com")
	wantSoon(t, "the new certificate", func() bool { return shown(t, k, "") == "new.example.com" })

	key := filepath.Join(dir, "key.pem")
	for _, tt := range []struct {
		name  string
		spoil func() error
		want  string
	}{
		{"no key any more", func() error { return os.Remove(key) }, "no such file"},
		{"half a key", func() error { return os.WriteFile(key, []byte("-----BEGIN PRIV"), 0o600) }, "failed to find any PEM data"},
		{"a key of another certificate", func() error {
			other := newTestFiles(t)
			return os.Rename(filepath.Join(other, "key.pem"), key)
		}, "private key does not match public key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.spoil(); err != nil {
				t.Fatal(err)
			}
			wantSoon(t, "the complaint", func() bool { return strings.Contains(log.String(), tt.want) })
			if !strings.Contains(log.String(), "certificate kept") {
				t.Errorf("log: got %s, want that the certificate is kept", log)
			}
			if got := shown(t, k, ""); got != "new.example.com" {
				t.Errorf("certificate: got %s, want the old one", got)
			}
		})
	}
	writeTestPair(t, dir, "good.example.com")
	wantSoon(t, "the good certificate", func() bool { return shown(t, k, "") == "good.example.com" })
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	wantSoon(t, "the complaint about the open key", func() bool { return strings.Contains(log.String(), "is open to every user") })
}
