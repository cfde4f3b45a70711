// Package keys derives what the nodes of a fleet prove and hide with from the
// one secret that they share: a key of its own for each use, so that what is
// known of one tells nothing of another.
package keys

import (
	"crypto/hkdf"
	"crypto/sha256"
)

// Use is what a key is for. Each has one format: whoever changes it changes the
// number too.
type Use string

// The uses.
const (
	Affinity Use = "affinity 1" // tags by which clients are known again
	Link     Use = "link 1"     // the authority of the nodes' certificates: a seed of Ed25519
	Storage  Use = "storage 1"  // what is stored in Redis is sealed
	Users    Use = "users 1"    // keyed hashes of who clients are
	Orders   Use = "orders 1"   // orders that pass through Redis are sealed
)

// Size is how many bytes each key has.
const Size = 32

// salt keeps the keys apart from those that another program may derive from the
// same secret.
const salt = "usher fleet"

// Ring has the keys of the secrets of one fleet.
type Ring struct {
	roots [][]byte // by secret, the one of now first; each the pseudorandom key of RFC 5869, 2.2
}

// New returns the keys of these secrets, the one of now first. There must be
// one.
func New(secrets []string) *Ring {
	r := &Ring{}
	for _, s := range secrets {
		root, err := hkdf.Extract(sha256.New, []byte(s), []byte(salt))
		if err != nil {
			panic("keys: " + err.Error()) // SHA-256 and these lengths are always allowed
		}
		r.roots = append(r.roots, root)
	}
	return r
}

// Now returns the key that things are made with.
func (r *Ring) Now(u Use) []byte { return derive(r.roots[0], u) }

// All returns the keys by which things are known: Now, and that of the secret
// before, if there is one.
func (r *Ring) All(u Use) [][]byte {
	list := make([][]byte, 0, len(r.roots))
	for _, root := range r.roots {
		list = append(list, derive(root, u))
	}
	return list
}

func derive(root []byte, u Use) []byte {
	key, err := hkdf.Expand(sha256.New, root, string(u), Size)
	if err != nil {
		panic("keys: " + err.Error()) // as above
	}
	return key
}
