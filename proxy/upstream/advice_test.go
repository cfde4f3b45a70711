package upstream

import (
	"bytes"
	"context"
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
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"usher/proxy/config"
)

// newTestPair returns a certificate that signs itself, by change.
func newTestPair(t *testing.T, change func(c *x509.Certificate)) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	change(c)
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool
}

// newTLSEndpoint returns an endpoint that is verified by own, in front of a
// server by TLS, or without if how is nil.
func newTLSEndpoint(t *testing.T, how, own *tls.Config) *Endpoint {
	t.Helper()
	up := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	up.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	if up.TLS = how; how != nil {
		up.StartTLS()
	} else {
		up.Start()
	}
	t.Cleanup(up.Close)
	p := NewPool(nil).Next([]*config.Upstream{{
		Name: "main", DialTimeout: 5 * time.Second,
		Endpoints: []config.Endpoint{{Scheme: config.HTTPS, Address: up.Listener.Addr().String()}},
	}}, map[string]*tls.Config{"main": own})
	return p.Get("main").Endpoints()[0]
}

// What fails about certificates is told with the key that says otherwise.
func TestAdvice(t *testing.T) {
	named, namedPool := newTestPair(t, func(c *x509.Certificate) { c.DNSNames = []string{"main.internal", "b.internal"} })
	many, manyPool := newTestPair(t, func(c *x509.Certificate) { c.DNSNames = strings.Split("a b c d e f", " ") })
	common, commonPool := newTestPair(t, func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: "main.internal"} })
	nobody, nobodyPool := newTestPair(t, func(*x509.Certificate) {})
	own, ownPool := newTestPair(t, func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: "usher"} })
	by := func(pool *x509.CertPool, name string) *tls.Config {
		return &tls.Config{RootCAs: pool, ServerName: name}
	}
	serves := func(c tls.Certificate) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{c}} }
	wants := func(version uint16) *tls.Config {
		c := serves(named)
		c.ClientAuth, c.ClientCAs, c.MaxVersion = tls.RequireAndVerifyClientCert, ownPool, version
		return c
	}
	stranger := by(namedPool, "main.internal")
	stranger.Certificates = []tls.Certificate{named}
	known := by(namedPool, "main.internal")
	known.Certificates = []tls.Certificate{own}
	for name, tt := range map[string]struct {
		how, own *tls.Config
		want     string // "" for a connection
	}{
		"unknown authority":    {serves(named), &tls.Config{ServerName: "main.internal"}, "set ca to a file with its authority"},
		"another authority":    {serves(named), by(ownPool, "main.internal"), "the file of ca does not have the authority"},
		"an address":           {serves(named), by(namedPool, ""), `set server_name to a name that it has: "main.internal", "b.internal"`},
		"another name":         {serves(named), by(namedPool, "a.internal"), `set server_name to a name that it has: "main.internal", "b.internal"`},
		"many names":           {serves(many), by(manyPool, "z"), `"a", "b", "c", "d", "e", ...`},
		"common name only":     {serves(common), by(commonPool, "main.internal"), `it has a name only as its common name, "main.internal"`},
		"no name":              {serves(nobody), by(nobodyPool, "main.internal"), "it has no name: it must be issued again"},
		"no TLS":               {nil, nil, "the endpoint speaks no TLS there"},
		"usher shows none":     {wants(tls.VersionTLS12), by(namedPool, "main.internal"), "a certificate by cert and key"},
		"usher shows another":  {wants(tls.VersionTLS12), stranger, "cert and key"},
		"all is well":          {wants(tls.VersionTLS12), known, ""},
		"TLS 1.3: none":        {wants(0), by(namedPool, "main.internal"), "set cert and key"},
		"TLS 1.3: another":     {wants(0), stranger, "set cert and key"},
		"TLS 1.3: all is well": {wants(0), known, ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := exchangeTLS(t.Context(), newTLSEndpoint(t, tt.how, tt.own))
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
			if err != nil && strings.Count(err.Error(), "set ") > 1 {
				t.Errorf("got %v, want one piece of advice", err)
			}
		})
	}
}

// exchangeTLS dials, asks and reads, and returns what fails.
func exchangeTLS(ctx context.Context, e *Endpoint) error {
	conn, err := e.Dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	answer, err := io.ReadAll(conn)
	if err == nil && !bytes.HasPrefix(answer, []byte("HTTP/1.1 200")) {
		err = errors.New("no answer")
	}
	return Explain(err)
}

// An old server that has nothing but CBC is spoken to all the same, and who has
// better never chooses it.
func TestOldSuites(t *testing.T) {
	named, pool := newTestPair(t, func(c *x509.Certificate) { c.DNSNames = []string{"main.internal"} })
	for name, suites := range map[string][]uint16{
		"only old": {tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA},
		"both":     {tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
	} {
		how := &tls.Config{Certificates: []tls.Certificate{named}, MaxVersion: tls.VersionTLS12, CipherSuites: suites}
		conn, err := newTLSEndpoint(t, how, &tls.Config{RootCAs: pool, ServerName: "main.internal"}).Dial(t.Context())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := conn.(*tls.Conn).ConnectionState().CipherSuite; got != suites[len(suites)-1] {
			t.Errorf("%s: got %s", name, tls.CipherSuiteName(got))
		}
		conn.Close()
	}
}
