package certstore

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"path"
	"strings"
	"time"
)

// isCertificate tells whether a file is certificates/ISSUER/NAME/NAME.crt.
func isCertificate(name string) bool {
	return path.Ext(name) == ".crt" && strings.HasPrefix(name, "certificates/") && strings.Count(name, "/") == 3
}

// keyOf returns the name of a certificate's key.
func keyOf(crt string) string { return strings.TrimSuffix(crt, ".crt") + ".key" }

// fits tells whether a certificate and the key beside it are a pair. The writers
// of both have been two nodes, or one that was interrupted, if they are not; then
// they are as good as not there.
func (s *Storage) fits(ctx context.Context, crt string, value []byte) bool {
	key, err := s.load(ctx, keyOf(crt))
	if err != nil {
		return true // who asks for the key hears of it
	}
	if !isPair(value, key) {
		s.log.Warn("certificates: certificate and key are no pair, and count as missing", "file", crt)
		return false
	}
	return true
}

func isPair(crt, key []byte) bool {
	_, err := tls.X509KeyPair(crt, key)
	return err == nil
}

// endOf returns when a certificate ends; zero if it is none.
func endOf(text []byte) time.Time {
	block, _ := pem.Decode(text)
	if block == nil {
		return time.Time{}
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return time.Time{}
	}
	return leaf.NotAfter
}
