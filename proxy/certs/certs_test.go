package certs_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"usher/proxy/certs"
	"usher/proxy/config"
)

// newTestFiles writes a certificate and its key into a new folder.
func newTestFiles(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"app.example.com"}}
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
	return dir
}

func routes(dir string, tlsListener bool, files ...config.Certificate) *config.Config {
	return &config.Config{
		File:   filepath.Join(dir, "routes.yaml"),
		Listen: []config.Listener{{Address: "127.0.0.1:0"}, {Address: "127.0.0.1:0", TLS: tlsListener}},
		TLS:    config.TLS{Certificates: files},
	}
}

func TestLoad(t *testing.T) {
	dir := newTestFiles(t)
	for name, files := range map[string]config.Certificate{
		"beside the routes file": {Cert: "cert.pem", Key: "key.pem"},
		"by absolute names":      {Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := certs.Load(routes(dir, true, files))
			if err != nil {
				t.Fatalf("Load: %v", err)
			}
			if len(c.Certificates) != 1 || c.MinVersion != tls.VersionTLS12 || !c.DynamicRecordSizingDisabled {
				t.Errorf("Load: got %d certificates, version %x, dynamic records %v; want 1, TLS 1.2, off",
					len(c.Certificates), c.MinVersion, !c.DynamicRecordSizingDisabled)
			}
			if len(c.NextProtos) != 1 || c.NextProtos[0] != "http/1.1" {
				t.Errorf("protocols: got %q, want http/1.1 alone", c.NextProtos)
			}
		})
	}
}

func TestLoadWithoutATLSListener(t *testing.T) {
	c, err := certs.Load(routes(t.TempDir(), false))
	if c != nil || err != nil {
		t.Errorf("Load: got %v, %v; want nothing", c, err)
	}
}

func TestLoadErrors(t *testing.T) {
	dir := newTestFiles(t)
	at := config.Position{Line: 7, Column: 5}
	for _, tt := range []struct {
		files config.Certificate
		want  string
	}{
		{config.Certificate{Position: at, Cert: "none.pem", Key: "key.pem"}, `routes.yaml:7:5: certificate "none.pem": open `},
		{config.Certificate{Position: at, Cert: "key.pem", Key: "key.pem"}, `routes.yaml:7:5: certificate "key.pem": tls: `},
	} {
		_, err := certs.Load(routes(dir, true, tt.files))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Load: got %v, want %q in it", err, tt.want)
		}
	}
	if _, err := certs.Load(routes(dir, true)); err == nil {
		t.Error("Load: got no error for a TLS listener without a certificate")
	}
}
