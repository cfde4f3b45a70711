//go:build linux

package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// The proxies that are usher with auth: by tokens of two algorithms, and by a
// service that is asked about each client.
const (
	es256Usher  = "usher+es256"
	rs256Usher  = "usher+rs256"
	askingUsher = "usher+forward"
)

// tokenLife is longer than a run takes.
const tokenLife = 24 * time.Hour

// signer makes the tokens that clients show.
type signer struct {
	jose.Signer
	public string // PEM file of its key
}

func newES256() (*signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return newSigner(jose.ES256, key)
}

func newRS256() (*signer, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	return newSigner(jose.RS256, key)
}

func newSigner(algorithm jose.SignatureAlgorithm, key crypto.Signer) (*signer, error) {
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, nil)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, err
	}
	return &signer{s, string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))}, nil
}

// head is the line of a request that shows a token, which is good until end.
func (s *signer) head(end time.Time) (string, error) {
	token, err := jwt.Signed(s).Claims(jwt.Claims{Subject: "bench", Audience: jwt.Audience{"bench"}, Expiry: jwt.NewNumericDate(end)}).Serialize()
	return "Authorization: Bearer " + token + "\r\n", err
}

// guarded makes x one that wants tokens of a signer.
func guarded(x *proxy, name string, s *signer) *proxy {
	x = edged(x, name, "\nupstreams:\n", "\nauth: {jwt: {key: key.pem, audience: bench, claims: {X-User-Id: sub}}}\nupstreams:\n")
	x.signer = s
	files := x.files
	x.files = func(p place) map[string]string {
		all := files(p)
		all["key.pem"] = s.public
		return all
	}
	return x
}

// asking makes x one that asks a service.
func asking(x *proxy, name string) *proxy {
	x = edged(x, name, "\nupstreams:\n", "\nauth: {forward: {url: 'http://{service}"+pathPage+"', headers: [X-User-Id]}}\nupstreams:\n")
	x.asks = true
	return x
}
