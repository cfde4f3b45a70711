package headers

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
)

// Via is the header that tells ushers where a request has been, by which they
// know a loop. It is not Via itself (RFC 9110, 7.6.3), for which some servers
// send answers without compression.
const Via = "Usher-Via"

const (
	idBytes = 8
	// maxVia is how many passes are remembered, the last ones. It bounds how many
	// ushers a loop may have that is found.
	maxVia = 16
	// maxPasses is how often a request may pass ushers and come back. More than
	// once, as it need not be the same: a server may copy its client's headers to
	// a request of its own, which it makes through the same usher. Few, as each
	// costs a loop two connections.
	maxPasses = 8
)

// NewID makes an id for Rules. Who knows it can have requests of its own
// refused, and nothing else.
func NewID() string {
	var b [idBytes]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// Loops reports whether a request with these headers has been here before, and
// would go round and round.
func (rules Rules) Loops(h http.Header) bool {
	if rules.ID == "" || h[Via] == nil {
		return false
	}
	ids := passes(h)
	return len(ids) >= maxPasses && slices.Contains(ids, rules.ID)
}

// mark adds the id to those of the ushers before, whoever says that it was one:
// a word that is not this usher's own refuses nothing.
func (rules Rules) mark(h http.Header) {
	if rules.ID == "" {
		return
	}
	ids := passes(h)
	ids = append(ids[max(len(ids)-maxVia+1, 0):], rules.ID)
	h[Via] = []string{strings.Join(ids, ", ")}
}

// passes returns the ids of the ushers that a request has passed, in order.
func passes(h http.Header) (ids []string) {
	for _, line := range h[Via] {
		for id := range strings.SplitSeq(line, ",") {
			if id = textproto.TrimString(id); isID(id) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

func isID(s string) bool { return len(s) == 2*idBytes && strings.Trim(s, "0123456789abcdef") == "" }
