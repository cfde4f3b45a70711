package certs_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"usher/proxy/config"
)

// resumes makes a handshake of TLS 1.2, in which tickets come at once, and
// tells whether it resumed a session.
func resumes(t *testing.T, server, client *tls.Config) bool {
	t.Helper()
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	failed := make(chan error, 1)
	go func() { failed <- tls.Server(a, server).Handshake() }()
	c := tls.Client(b, client)
	if err := c.Handshake(); err != nil {
		t.Fatalf("handshake: %v", err)
	}
	if err := <-failed; err != nil && !errors.Is(err, io.EOF) {
		t.Fatalf("handshake: %v", err)
	}
	return c.ConnectionState().DidResume
}

// TestTicketsAreRotated moves the clock: a ticket is taken for as long as it is
// good, but not when the key is older than a week that it was made with.
func TestTicketsAreRotated(t *testing.T) {
	const day = 24 * time.Hour
	dir := newTestFiles(t)
	began := time.Now()
	for _, tt := range []struct {
		name        string
		made, shown time.Duration // after the first handshake of the server
		want        bool
	}{
		{"at once", 0, 0, true},
		{"within a week", 20 * time.Hour, 6 * day, true},
		{"with a key of more than a week", 20 * time.Hour, 7*day + time.Hour, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			now := began
			clock := func() time.Time { return now }
			k := mustOpen(t, routes(dir, ownFiles(config.Certificate{Cert: "cert.pem", Key: "key.pem"})), slog.New(slog.DiscardHandler))
			server := k.Config(config.Listener{})
			server.Time = clock
			client := func() *tls.Config {
				return &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, Time: clock, ClientSessionCache: tls.NewLRUClientSessionCache(1)}
			}
			resumes(t, server, client()) // the first key is made now
			c := client()
			now = began.Add(tt.made)
			if resumes(t, server, c) {
				t.Fatal("the first handshake resumed a session")
			}
			now = began.Add(tt.shown)
			if got := resumes(t, server, c); got != tt.want {
				t.Errorf("resumed: got %v, want %v", got, tt.want)
			}
		})
	}
}

// TestClientCAIsReadAgain replaces the authority of clients, by another and by
// nonsense. A client that would resume its session is asked again too.
func TestClientCAIsReadAgain(t *testing.T) {
	dir, first, second := newTestFiles(t), t.TempDir(), t.TempDir()
	writeTestCA(t, first, "first")
	writeTestCA(t, second, "second")
	copyFile(t, first+"/cert.pem", dir+"/clients.pem")
	log := &syncBuffer{}
	cfg := routes(dir, ownFiles(config.Certificate{Cert: "cert.pem", Key: "key.pem"}))
	cfg.Listen[1].ClientCA = "clients.pem"
	k := mustOpen(t, cfg, slog.New(slog.NewTextHandler(log, nil)))
	start(t, k)
	server := k.Config(cfg.Listen[1])
	with := func(dir string) *tls.Config {
		pair, err := tls.LoadX509KeyPair(dir+"/cert.pem", dir+"/key.pem")
		if err != nil {
			t.Fatal(err)
		}
		return &tls.Config{InsecureSkipVerify: true, ClientSessionCache: tls.NewLRUClientSessionCache(4), MaxVersion: tls.VersionTLS12,
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }}
	}
	a, b := with(first), with(second)
	letIn := func(c *tls.Config) bool { _, err := hello(t, server, c); return err == nil }
	for range 2 { // the second time by a session that is resumed
		if !letIn(a) || letIn(b) {
			t.Fatal("before the change: want the first let in, and not the second")
		}
	}
	copyFile(t, second+"/cert.pem", dir+"/clients.pem")
	wantSoon(t, "the second is let in", func() bool { return letIn(b) })
	if letIn(a) {
		t.Error("the first is still let in")
	}
	copyFile(t, dir+"/key.pem", dir+"/clients.pem")
	wantSoon(t, "the complaint", func() bool { return contains(log, "authority of clients kept") })
	if !letIn(b) {
		t.Error("after nonsense: the second is not let in")
	}
}

// writeTestCA writes an authority that is a client as well, and its key.
func writeTestCA(t *testing.T, dir, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, dir+"/cert.pem", "CERTIFICATE", der)
	writePEM(t, dir+"/key.pem", "PRIVATE KEY", pkcs8)
}

// copyFile replaces a file by a rename.
func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to+".new", text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(to+".new", to); err != nil {
		t.Fatal(err)
	}
}

func contains(log *syncBuffer, text string) bool { return strings.Contains(log.String(), text) }
