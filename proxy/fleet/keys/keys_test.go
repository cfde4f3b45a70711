package keys

import (
	"bytes"
	"encoding/hex"
	"testing"
)

const secret, before = "a secret of thirty-two bytes, or more", "another one of thirty-two bytes, or so"

var uses = []Use{Affinity, Link, Storage, Users, Orders}

// Every node of a fleet, of whatever version, must derive the same. The values
// were computed by another HKDF.
func TestKeysStayTheSame(t *testing.T) {
	for u, want := range map[Use]string{
		Affinity: "e4820bb88b9a37b63622ffd0dffb8a81fe75c8f093c4b1de65846774f55fcbba",
		Link:     "360882f18a03f2e40114a61e6835cc4b9c819be8a297d3541088aec984928c6d",
		Storage:  "c03408db581131a630a2ce22528575c40192584fa3297b989866927da17a2f51",
		Users:    "9bcc28ab55224cd7f81a18597182163d600f9ee367e6b2c26398b2eb045d4e2a",
		Orders:   "0ca20f866f04e5d04b9c78e26da25f1165c033cadf919ccd39193bd567746c02",
	} {
		if got := hex.EncodeToString(New([]string{secret}).Now(u)); got != want {
			t.Errorf("%s: got %s, want %s", u, got, want)
		}
	}
}

func TestKeysAreDifferent(t *testing.T) {
	seen := make(map[string]Use)
	for _, s := range []string{secret, before, secret + "."} {
		for _, u := range uses {
			key := New([]string{s}).Now(u)
			if other, ok := seen[string(key)]; ok || len(key) != Size {
				t.Errorf("%s: got %d bytes as for %s", u, len(key), other)
			}
			seen[string(key)] = u
		}
	}
}

// TestRotation knows what was made with the secret before, and makes nothing
// with it.
func TestRotation(t *testing.T) {
	old, both := New([]string{before}), New([]string{secret, before})
	for _, u := range uses {
		all := both.All(u)
		if len(all) != 2 || !bytes.Equal(all[0], both.Now(u)) || !bytes.Equal(all[1], old.Now(u)) || bytes.Equal(all[0], all[1]) {
			t.Errorf("%s: got %x, want its own key and %x", u, all, old.Now(u))
		}
	}
}
