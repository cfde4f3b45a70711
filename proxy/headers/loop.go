package headers

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"net/textproto"
	"strings"
)

// Via is the header that tells ushers where a request has been, by which they
// know a loop. It is not Via itself (RFC 9110, 7.6.3), for which some servers
// send answers without compression.
const Via = "Usher-Via"

const (
	idBytes = 8
	// maxVia is how many ushers are remembered, the last ones.
	maxVia = 16
)

// NewID makes an id for Rules. Who knows it can have requests of its own
// refused, and nothing else.
func NewID() string {
	var b [idBytes]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// Loops reports whether a request with these headers has been here before.
func (rules Rules) Loops(h http.Header) bool {
	for _, line := range h[Via] {
		for id := range strings.SplitSeq(line, ",") {
			if rules.ID != "" && textproto.TrimString(id) == rules.ID {
				return true
			}
		}
	}
	return false
}

// mark adds the id to those of the ushers before, whoever says that it was one:
// a word that is not this usher's own refuses nothing.
func (rules Rules) mark(h http.Header) {
	if rules.ID == "" {
		return
	}
	var ids []string
	for _, line := range h[Via] {
		for id := range strings.SplitSeq(line, ",") {
			if id = textproto.TrimString(id); isID(id) {
				ids = append(ids, id)
			}
		}
	}
	ids = append(ids[max(len(ids)-maxVia+1, 0):], rules.ID)
	h[Via] = []string{strings.Join(ids, ", ")}
}

func isID(s string) bool { return len(s) == 2*idBytes && strings.Trim(s, "0123456789abcdef") == "" }
