package auth

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// keys are who signs.
type keys interface {
	// find returns those that a token may be signed with. If some may be missing, and
	// may be fetched, wait says so.
	find(kid, algorithm string, now time.Time) (list []namedKey, wait bool)
	// fetch has those that are missing come, or says why there are none at all.
	fetch(ctx context.Context, now time.Time) error
}

// namedKey is a key that tokens may be signed with.
type namedKey struct {
	jose.JSONWebKey
	name string // among all of all sets; "" for one of the routes file
}

// fixed are keys of the routes file.
type fixed []namedKey

func (f fixed) find(string, string, time.Time) ([]namedKey, bool) { return f, false }
func (f fixed) fetch(context.Context, time.Time) error            { return nil }

func secretKey(secret string) fixed { return fixed{{JSONWebKey: jose.JSONWebKey{Key: []byte(secret)}}} }

// readKey reads a PEM file: a public key, or a certificate.
func readKey(file string) (fixed, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s is no PEM file", file)
	}
	var key any
	switch block.Type {
	case "PUBLIC KEY":
		key, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		key, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		var c *x509.Certificate
		if c, err = x509.ParseCertificate(block.Bytes); err == nil {
			key = c.PublicKey
		}
	default:
		return nil, fmt.Errorf("%s has a %s, and must have a public key", file, strings.ToLower(block.Type))
	}
	k := jose.JSONWebKey{Key: key}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if !k.Valid() || !k.IsPublic() {
		return nil, fmt.Errorf("%s has no public key that can be used", file)
	}
	return fixed{{JSONWebKey: k}}, nil
}
