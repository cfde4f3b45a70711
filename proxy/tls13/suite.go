package tls13

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"

	"golang.org/x/crypto/chacha20poly1305"
)

const (
	maxSecret = 48 // bytes of a traffic secret, which are those of the hash
	maxKey    = 32
	nonceSize = 12
)

// suite is a cipher suite of TLS 1.3 (RFC 8446, B.4).
type suite struct {
	id     uint16
	hash   func() hash.Hash
	secret int // bytes
	key    int // bytes
	cipher func(key []byte) (cipher.AEAD, error)
}

// suites are those that crypto/tls has.
var suites = [...]suite{
	{0x1301, sha256.New, 32, 16, newGCM},
	{0x1302, sha512.New384, 48, 32, newGCM},
	{0x1303, sha256.New, 32, 32, chacha20poly1305.New},
}

// suiteOf returns the suite of that number, nil if there is none.
func suiteOf(id uint16) *suite {
	for i := range suites {
		if suites[i].id == id {
			return &suites[i]
		}
	}
	return nil
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// expand is HKDF-Expand-Label without a context, to fill out (RFC 8446, 7.1).
func (s *suite) expand(out, secret []byte, label string) {
	info := fmt.Appendf(nil, "%c%c%ctls13 %s\x00", 0, len(out), len("tls13 ")+len(label), label)
	b, err := hkdf.Expand(s.hash, secret, string(info), len(out))
	if err != nil {
		panic(err) // too many bytes
	}
	copy(out, b)
	clear(b)
}
