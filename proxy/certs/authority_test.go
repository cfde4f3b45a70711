package certs_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"usher/proxy/certs"
	"usher/proxy/config"
)

func mustOpenAuthority(t *testing.T, cfg *config.Config) (*certs.Authority, *x509.CertPool) {
	t.Helper()
	a, err := certs.OpenAuthority(cfg)
	if err != nil {
		t.Fatalf("OpenAuthority: %v", err)
	}
	text, err := os.ReadFile(a.File)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		t.Fatalf("%s: no certificate", a.File)
	}
	return a, pool
}

// TestInternal has clients that verify what they are shown.
func TestInternal(t *testing.T) {
	cfg := routes(t.TempDir(), config.TLS{Internal: true, Domains: []string{"app.test", "*.dev.test", "192.0.2.7"}})
	k := mustOpen(t, cfg, slog.New(slog.DiscardHandler))
	a, trust := mustOpenAuthority(t, cfg)
	if a.Made {
		t.Error("authority: made a second time")
	}
	for name, want := range map[string]string{
		"app.test": "app.test", "APP.test": "app.test", "a.dev.test": "*.dev.test", "localhost": "localhost",
		"127.0.0.1": "localhost", "::1": "localhost", "192.0.2.7": "localhost",
		"dev.test": "", "a.b.dev.test": "", "other.test": "", "*.dev.test": "",
	} {
		got, err := hello(t, k.Config(config.Listener{}), &tls.Config{ServerName: name, RootCAs: trust})
		switch {
		case want == "" && err == nil:
			t.Errorf("certificate for %q: got %q, want none", name, got.DNSNames)
		case want != "" && err != nil:
			t.Errorf("certificate for %q: %v", name, err)
		case want != "" && got.DNSNames[0] != want:
			t.Errorf("certificate for %q: got %q, want %s", name, got.DNSNames, want)
		}
	}
	first, err1 := hello(t, k.Config(config.Listener{}), &tls.Config{ServerName: "app.test", RootCAs: trust})
	second, err2 := hello(t, k.Config(config.Listener{}), &tls.Config{ServerName: "app.test", RootCAs: trust})
	if err1 != nil || err2 != nil || !first.Equal(second) {
		t.Errorf("leaf: got another at the second hello (%v, %v), want the same", err1, err2)
	}
}

// TestAuthorityIsMadeOnce has several processes start on one storage.
func TestAuthorityIsMadeOnce(t *testing.T) {
	cfg := routes(t.TempDir(), config.TLS{Internal: true})
	var all sync.WaitGroup
	var made [8]bool
	var files [8][]byte
	for i := range made {
		all.Go(func() {
			a, err := certs.OpenAuthority(cfg)
			if err != nil {
				t.Errorf("OpenAuthority: %v", err)
				return
			}
			made[i] = a.Made
			files[i], _ = os.ReadFile(a.File)
		})
	}
	all.Wait()
	n := 0
	for i := range made {
		if made[i] {
			n++
		}
		if !bytes.Equal(files[i], files[0]) || len(files[i]) == 0 {
			t.Errorf("authority %d: got another certificate than the first", i)
		}
	}
	if n != 1 {
		t.Errorf("authorities made: got %d, want 1", n)
	}
	entries, err := os.ReadDir(filepath.Join(filepath.Dir(cfg.File), "certs"))
	if err != nil || len(entries) != 1 {
		t.Errorf("storage: got %v, %v, want the authority alone", entries, err)
	}
}

func TestOpenKeys(t *testing.T) {
	cfg := routes(t.TempDir(), config.TLS{Internal: true})
	a, _ := mustOpenAuthority(t, cfg)
	key := filepath.Join(filepath.Dir(a.File), "root.key")
	info, err := os.Stat(key)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key: got %v, %v, want mode 0600", info.Mode(), err)
	}
	for mode, want := range map[os.FileMode]bool{0o600: true, 0o640: true, 0o604: false, 0o644: false, 0o602: false} {
		if err := os.Chmod(key, mode); err != nil {
			t.Fatal(err)
		}
		_, err := certs.Open(cfg, slog.New(slog.DiscardHandler))
		if (err == nil) != want || err != nil && !strings.Contains(err.Error(), "is open to every user of this machine") {
			t.Errorf("Open with a key of mode %#o: got %v, want success: %v", mode, err, want)
		}
	}
}
