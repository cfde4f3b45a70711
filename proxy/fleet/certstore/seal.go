package certstore

import (
	"crypto/cipher"
	"crypto/rand"
	"errors"

	"golang.org/x/crypto/chacha20poly1305"

	"usher/proxy/fleet/keys"
)

// sealVersion is the first byte of what is sealed: a nonce of 24 bytes follows,
// then what XChaCha20-Poly1305 makes of the content, with the name of the file.
const sealVersion = 1

var errSealed = errors.New("sealed with a secret that this node does not have, or not by a node at all")

// sealer seals what leaves this machine. A file is good for its own name alone.
type sealer struct {
	all []cipher.AEAD // the one that seals first, then that of the secret before
}

func newSealer(ring *keys.Ring) *sealer {
	s := &sealer{}
	for _, key := range ring.All(keys.Storage) {
		aead, err := chacha20poly1305.NewX(key)
		if err != nil {
			panic("certstore: " + err.Error()) // keys.Size is its size
		}
		s.all = append(s.all, aead)
	}
	return s
}

func (s *sealer) close(name string, value []byte) []byte {
	sealed := make([]byte, 1+chacha20poly1305.NonceSizeX, 1+chacha20poly1305.NonceSizeX+len(value)+chacha20poly1305.Overhead)
	sealed[0] = sealVersion
	nonce := sealed[1:]
	rand.Read(nonce)
	return s.all[0].Seal(sealed, nonce, value, []byte(name))
}

func (s *sealer) open(name string, sealed []byte) ([]byte, error) {
	value, _, err := s.openBy(name, sealed)
	return value, err
}

// openBy tells, too, whether the secret of now has sealed it.
func (s *sealer) openBy(name string, sealed []byte) (value []byte, now bool, err error) {
	if len(sealed) < 1+chacha20poly1305.NonceSizeX || sealed[0] != sealVersion {
		return nil, false, errSealed
	}
	nonce, sealed := sealed[1:1+chacha20poly1305.NonceSizeX], sealed[1+chacha20poly1305.NonceSizeX:]
	for i, aead := range s.all {
		if value, err := aead.Open(nil, nonce, sealed, []byte(name)); err == nil {
			return value, i == 0, nil
		}
	}
	return nil, false, errSealed
}
