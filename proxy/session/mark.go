package session

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/textproto"
	"slices"
)

// Mark is what is kept of a header's value, by which sessions can be found by
// somebody who knows the value: a keyed hash, as the value may be a secret.
type Mark [sha256.Size]byte

// Marker makes the marks of sessions that begin.
type Marker struct {
	key   [32]byte
	names []string // canonical
}

// NewMarker returns one for those headers. Marks that were made with the same
// key can be compared.
func NewMarker(key [32]byte, names []string) *Marker { return &Marker{key, names} }

// Names returns the canonical names of the headers.
func (m *Marker) Names() []string { return m.names }

// Marks returns a mark for each value of the headers.
func (m *Marker) Marks(h map[string][]string) []Mark {
	var list []Mark
	for _, name := range m.names {
		for _, value := range h[name] {
			list = append(list, m.Mark(name, value))
		}
	}
	return list
}

// Mark returns the mark of one value.
func (m *Marker) Mark(name, value string) Mark {
	hash := hmac.New(sha256.New, m.key[:])
	hash.Write([]byte(textproto.CanonicalMIMEHeaderKey(name) + "\x00" + value))
	return Mark(hash.Sum(nil))
}

// User returns the mark of the header name in what auth has given, nil if it is not
// there or there is no name.
func (m *Marker) User(name, value string) *Mark {
	if m == nil || name == "" || value == "" {
		return nil
	}
	mark := m.Mark(name, value)
	return &mark
}

// Marked tells whether s began with a header of that mark.
func (s *Session) Marked(m Mark) bool { return slices.Contains(s.Marks, m) }

// MarshalText implements encoding.TextMarshaler.
func (m Mark) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(m[:])), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *Mark) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	if err == nil && len(b) != len(m) {
		err = fmt.Errorf("a mark of %d bytes, want %d", len(b), len(m))
	}
	copy(m[:], b)
	return err
}
