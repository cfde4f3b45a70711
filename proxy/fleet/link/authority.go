package link

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"math/big"
	"sync"
	"time"
)

const (
	leafLife  = 24 * time.Hour
	leafEarly = time.Hour // for who has another time
	nameBytes = 8         // of an authority's name
)

// authority makes the certificates of nodes. Whoever has its key, which is made of
// the fleet's secret, makes the same authority.
type authority struct {
	name string // tells authorities apart, and nothing about their keys
	cert *x509.Certificate
	key  ed25519.PrivateKey

	mu   sync.Mutex
	leaf *tls.Certificate // the last one; guarded by mu
	made time.Time        // guarded by mu
}

// newAuthority returns that of a key of ed25519.SeedSize bytes.
func newAuthority(seed []byte) (*authority, error) {
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("key of a link has %d bytes, want %d", len(seed), ed25519.SeedSize)
	}
	key := ed25519.NewKeyFromSeed(seed)
	sum := sha256.Sum256(key.Public().(ed25519.PublicKey))
	a := &authority{name: hex.EncodeToString(sum[:nameBytes]), key: key}
	of := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "usher fleet " + a.name},
		NotBefore:    time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), // all nodes make the same
		NotAfter:     time.Date(2120, 1, 1, 0, 0, 0, 0, time.UTC),
		KeyUsage:     x509.KeyUsageCertSign,
		IsCA:         true, BasicConstraintsValid: true, MaxPathLenZero: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, of, of, key.Public(), key)
	if err != nil {
		return nil, err
	}
	a.cert, err = x509.ParseCertificate(der)
	return a, err
}

// certificate returns one of the node of that id, which is good for half its life
// at least.
func (a *authority) certificate(id string, now time.Time) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.leaf != nil && now.Sub(a.made).Abs() < leafLife/2 {
		return a.leaf, nil
	}
	leaf, err := a.issue(id, now)
	if err == nil {
		a.leaf, a.made = leaf, now
	}
	return leaf, err
}

func (a *authority) issue(id string, now time.Time) (*tls.Certificate, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	of := &x509.Certificate{
		SerialNumber: serial.Add(serial, big.NewInt(1)),
		Subject:      pkix.Name{CommonName: id},
		NotBefore:    now.Add(-leafEarly),
		NotAfter:     now.Add(leafLife),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, of, a.cert, public, a.key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private, Leaf: leaf}, err
}
