package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"usher/proxy/config"
)

const (
	authorityDir  = "internal" // in the storage
	authorityCert = "root.crt"
	authorityKey  = "root.key"
	authorityLife = 10 * 365 * 24 * time.Hour
	// backdate is for clients whose clock is slow.
	backdate = time.Hour
)

// Authority is the local certificate authority of one storage. It is made once
// and then stays the same, as people tell their browsers to trust it.
type Authority struct {
	File        string // its certificate, as PEM
	Made        bool   // just now
	certificate *x509.Certificate
	key         crypto.Signer
}

// OpenAuthority reads the authority from cfg's storage, or makes it there.
func OpenAuthority(cfg *config.Config) (*Authority, error) {
	dir := filepath.Join(cfg.Beside(cfg.TLS.Storage), authorityDir)
	made := false
	if _, err := os.Stat(dir); os.IsNotExist(err) {
		if made, err = makeAuthority(dir); err != nil {
			return nil, fmt.Errorf("make the local authority: %w", err)
		}
	}
	a, err := readAuthority(dir)
	if err != nil {
		return nil, fmt.Errorf("local authority: %w", err)
	}
	a.Made = made
	return a, nil
}

func readAuthority(dir string) (*Authority, error) {
	cert, key := filepath.Join(dir, authorityCert), filepath.Join(dir, authorityKey)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, err
	}
	if err := checkPrivate(key); err != nil {
		return nil, err
	}
	signer, ok := pair.PrivateKey.(crypto.Signer)
	if !ok || !pair.Leaf.IsCA {
		return nil, fmt.Errorf("certificate %q is not that of an authority", cert)
	}
	return &Authority{File: cert, certificate: pair.Leaf, key: signer}, nil
}

// makeAuthority makes a folder with both files, or with nothing: of two
// processes that do so at the same time one wins, and made is false for the
// other.
func makeAuthority(dir string) (made bool, err error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return false, err
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), "."+authorityDir+"-*")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(temp) //nolint:errcheck // an empty name, or what could not be used
	if err := os.Chmod(temp, 0o755); err != nil {
		return false, err
	}
	if err := writeAuthority(temp); err != nil {
		return false, err
	}
	if err := os.Rename(temp, dir); err != nil {
		if _, e := os.Stat(dir); e == nil {
			return false, nil
		}
		return false, err
	}
	return true, nil
}

func writeAuthority(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "this machine"
	}
	now := time.Now()
	template := &x509.Certificate{
		Subject:   pkix.Name{CommonName: "usher local authority of " + host},
		NotBefore: now.Add(-backdate), NotAfter: now.Add(authorityLife),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := writePEM(filepath.Join(dir, authorityKey), "PRIVATE KEY", pkcs8, 0o600); err != nil {
		return err
	}
	return writePEM(filepath.Join(dir, authorityCert), "CERTIFICATE", der, 0o644)
}

func writePEM(file, kind string, der []byte, mode os.FileMode) error {
	return os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode)
}
