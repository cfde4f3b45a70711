package store

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"usher/proxy/config"
	"usher/proxy/fleet/redistest"
	"usher/proxy/waittest"
)

// all does each kind of call once.
func (s *Store) all(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	must(t, s.Renew(ctx, "age"))
	if ok, err := s.Lock(ctx, "l", "a"); !ok || err != nil {
		t.Fatalf("lock: got %v, %v", ok, err)
	}
	must(t, s.Write(ctx, "a/b", []byte("is"), 2, Guard{Lock: "l", Token: "a"}))
	if f, err := s.Read(ctx, "a/b"); err != nil || string(f.Value) != "is" {
		t.Errorf("read: got %q, %v", f.Value, err)
	}
	must(t, s.Remove(ctx, "a", Guard{Lock: "l", Token: "a"}))
	if ok, err := s.Keep(ctx, "l", "a"); !ok || err != nil {
		t.Errorf("keep: got %v, %v", ok, err)
	}
	must(t, s.Unlock(ctx, "l", "a"))
	if names, err := s.Names(ctx, ""); len(names) != 0 || err != nil {
		t.Errorf("names: got %q, %v", names, err)
	}
}

// TestCluster has all keys in one slot.
func TestCluster(t *testing.T) {
	redis := redistest.Start(t, "--cluster-enabled", "yes")
	redis.Do("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
	waittest.Until(t, "the cluster is one", func() bool { return strings.Contains(redis.Do("CLUSTER", "INFO"), "cluster_state:ok") })
	newTestStore(t, config.Redis{Kind: config.RedisCluster, Addresses: []string{redis.Address}}).all(t)
}

// TestSentinel finds a master that has a password by a sentinel that has another.
func TestSentinel(t *testing.T) {
	redis := redistest.Start(t, "--requirepass", "hunter2")
	host, port, _ := net.SplitHostPort(redis.Address)
	file := filepath.Join(t.TempDir(), "sentinel.conf")
	text := fmt.Sprintf("sentinel monitor main %s %s 1\nsentinel auth-pass main hunter2\nrequirepass other\n", host, port)
	must(t, os.WriteFile(file, []byte(text), 0o600))
	sentinel := redistest.Sentinel(t, file)
	r := config.Redis{Kind: config.RedisSentinel, Addresses: []string{sentinel.Address}, Master: "main", SentinelPassword: "other", Password: "hunter2"}
	newTestStore(t, r).all(t)
	r.SentinelPassword = "wrong"
	if _, err := newTestStore(t, r).Age(t.Context()); !errors.Is(err, ErrAway) {
		t.Errorf("with a wrong password of the sentinel: got %v, want ErrAway", err)
	}
}

// TestTLS verifies the server, and shows who asks.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	crt, pair := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
	cert, private := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	must(t, os.WriteFile(cert, crt, 0o600))
	must(t, os.WriteFile(private, pair, 0o600))
	redis := redistest.StartTLS(t, "--tls-cert-file", cert, "--tls-key-file", private, "--tls-ca-cert-file", cert)
	own, err := tls.X509KeyPair(crt, pair)
	must(t, err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(crt)
	for name, tt := range map[string]struct {
		secure *tls.Config
		ok     bool
	}{
		"verified, with a certificate": {&tls.Config{RootCAs: roots, Certificates: []tls.Certificate{own}}, true},
		"not verified":                 {&tls.Config{Certificates: []tls.Certificate{own}}, false},
		"without a certificate":        {&tls.Config{RootCAs: roots}, false},
		"without TLS":                  {nil, false},
	} {
		s := New(at(redis), "edge", tt.secure, slog.New(slog.DiscardHandler))
		if tt.ok {
			s.all(t)
		} else if _, err := s.Age(t.Context()); !errors.Is(err, ErrAway) {
			t.Errorf("%s: got %v, want ErrAway", name, err)
		}
		s.Close()
	}
}
