//go:build linux

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

// host is the name clients ask for, in SNI and in Host.
const host = "bench.test"

// identity is the one certificate that all proxies show.
type identity struct {
	cert, key string // PEM files
	both      string // PEM file with both, as HAProxy wants it
	roots     *x509.CertPool
}

// newIdentity makes an ECDSA P-256 certificate and writes it to dir.
func newIdentity(dir string) (*identity, error) {
	certPEM, keyPEM, err := selfSigned()
	if err != nil {
		return nil, err
	}
	id := &identity{
		cert:  filepath.Join(dir, "cert.pem"),
		key:   filepath.Join(dir, "key.pem"),
		both:  filepath.Join(dir, "both.pem"),
		roots: x509.NewCertPool(),
	}
	id.roots.AppendCertsFromPEM(certPEM)
	for name, text := range map[string][]byte{id.cert: certPEM, id.key: keyPEM, id.both: append(certPEM, keyPEM...)} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			return nil, err
		}
	}
	return id, nil
}

// selfSigned makes the certificate and its key, as PEM.
func selfSigned() (cert, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: host},
		DNSNames:     []string{host},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(7 * 24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
	if cert, err = x509.CreateCertificate(rand.Reader, template, template, private.Public(), private); err != nil {
		return nil, nil, err
	}
	if key, err = x509.MarshalPKCS8PrivateKey(private); err != nil {
		return nil, nil, err
	}
	cert = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	key = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})
	return cert, key, nil
}

// client is the TLS side of every client: the same version, group and cipher
// for all proxies (checkEquivalent holds them to it), and no resumption.
func (id *identity) client() *tls.Config {
	return &tls.Config{
		ServerName:                  host,
		RootCAs:                     id.roots,
		MinVersion:                  tls.VersionTLS13,
		CurvePreferences:            []tls.CurveID{tls.X25519},
		DynamicRecordSizingDisabled: true,
	}
}

// checkEquivalent fails when a proxy agreed to other cryptography than the rest,
// or resumed a session where it should not, or did not where it should.
func checkEquivalent(s tls.ConnectionState, resumed bool) error {
	switch {
	case s.Version != tls.VersionTLS13:
		return fmt.Errorf("agreed on %s, want TLS 1.3", tls.VersionName(s.Version))
	case s.CipherSuite != tls.TLS_AES_128_GCM_SHA256:
		return fmt.Errorf("agreed on %s, want TLS_AES_128_GCM_SHA256", tls.CipherSuiteName(s.CipherSuite))
	case s.DidResume && !resumed:
		return errors.New("resumed a TLS session, want a full handshake")
	case resumed && !s.DidResume:
		return errors.New("made a full TLS handshake, want a resumed session")
	}
	return nil
}
